"""Which proxy answers what; one that nobody uses is not made."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.errors import ChannelError, ProtocolError
from holdfast.proxy.table import ProxyTable
from holdfast.settings import Settings
from holdfast.telemetry import metrics
from tests.brokers import Clock

URL = "http://127.0.0.1:3000/x"


def table(**settings: Any) -> ProxyTable:
    """Return the proxies of settings."""
    return ProxyTable(Settings.model_validate(settings), Clock())


def test_nothing_is_made_of_proxies_that_are_not_used() -> None:
    """An endpoint alone switches nothing on."""
    none = table(
        client={"proxy": {"connect": {"endpoint": URL}}},
        channel={"proxy": {"publish": {"endpoint": URL}}},
        proxies=({"name": "one", "endpoint": URL},),
    )

    assert len(none) == 0
    assert none.connect is none.refresh is None
    assert none.of_channel("publish", Settings().channel.without_namespace) is None


def test_channels_get_the_default_or_the_named_one() -> None:
    """Each kind by itself."""
    settings = Settings.model_validate(
        {
            "proxies": ({"name": "one", "endpoint": URL},),
            "channel": {
                "proxy": {"subscribe": {"endpoint": URL}},
                "without_namespace": {"subscribe_proxy_enabled": True},
                "namespaces": (
                    {
                        "name": "ns",
                        "subscribe_proxy_enabled": True,
                        "subscribe_proxy_name": "one",
                        "publish_proxy_enabled": True,
                        "publish_proxy_name": "one",
                    },
                ),
            },
        }
    )
    some = ProxyTable(settings, Clock())
    default = some.of_channel("subscribe", settings.channel.without_namespace)
    named = some.of_channel("subscribe", settings.channel.namespaces[0])

    assert default is not None
    assert named is not None
    assert (default.name, named.name) == ("subscribe", "one")
    assert some.of_channel("publish", settings.channel.namespaces[0]) is named
    assert some.of_channel("publish", settings.channel.without_namespace) is None
    assert len(some) == 2


def test_methods_are_answered_by_their_namespace() -> None:
    """As channels are: by what stands before the boundary."""
    some = table(
        proxies=({"name": "one", "endpoint": URL},),
        rpc={
            "proxy": {"endpoint": URL},
            "without_namespace": {"proxy_enabled": True},
            "namespaces": ({"name": "ns", "proxy_enabled": True, "proxy_name": "one"}, {"name": "off"}),
        },
    )

    assert some.of_method("price").name == "rpc"
    assert some.of_method("").name == "rpc"
    assert some.of_method("ns:price").name == "one"
    with pytest.raises(ChannelError) as off:
        some.of_method("off:price")
    with pytest.raises(ProtocolError) as unknown:
        some.of_method("who:price")
    assert (off.value.slug, unknown.value.slug) == ("not_available", "method_not_found")


def test_what_is_kept_is_what_later_calls_need() -> None:
    """The connect proxy has the handshake at hand."""
    connect = {"enabled": True, "endpoint": URL, "http_headers": ("Cookie",), "include_connection_meta": True}
    refresh = {"enabled": True, "endpoint": URL, "http_headers": ("Origin",), "include_connection_meta": True}
    alone = table(client={"proxy": {"connect": connect}})
    both = table(client={"proxy": {"connect": connect, "refresh": refresh}})

    assert not alone.kept_headers
    assert not alone.keeps_meta
    assert both.kept_headers.takes(b"origin")
    assert not both.kept_headers.takes(b"cookie")
    assert both.keeps_meta


async def test_table_reports_and_closes() -> None:
    """Gauges by proxy; two of one name are one sum."""
    some = table(
        client={"proxy": {"connect": {"enabled": True, "endpoint": URL}}},
        rpc={"without_namespace": {"proxy_enabled": True, "proxy_name": "connect"}},
        proxies=({"name": "connect", "endpoint": URL},),
    )
    some.report()
    text = metrics.exposition()[0].decode()
    metrics.PROXY_IN_FLIGHT.read_from(None)
    metrics.PROXY_BREAKER.read_from(None)

    assert len(some) == 2
    assert 'holdfast_proxy_calls_in_flight{proxy="connect"} 0.0' in text
    assert 'holdfast_proxy_breaker_state{proxy="connect"} 0.0' in text
    await some.close()
