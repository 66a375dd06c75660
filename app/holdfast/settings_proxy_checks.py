"""Settings of proxies that cannot work, each with the keys it is about."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

from holdfast.codes_application import close_fault, error_fault
from holdfast.settings import ChannelOptions, Settings
from holdfast.settings_faults import Fault
from holdfast.settings_proxies import Proxy, ProxyTls, RpcOptions, StatusTransform

# What belongs to the call itself and to its connection (RFC 9110, 7.6.1), so that nobody else may write it.
OWN_HEADERS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_KINDS = ("subscribe", "publish", "sub_refresh")


def check_proxies(settings: Settings) -> Iterator[Fault]:
    """Return what is wrong with the proxies and with who uses them."""
    for place, proxy in _configured(settings):
        yield from _proxy(place, proxy)
    yield from _handshake(settings)
    for name, number in Counter(proxy.name for proxy in settings.proxies).items():
        if number > 1:
            yield _fault(f"expected each proxy once, saw {name} {number} times", "proxies")
    known = {proxy.name for proxy in settings.proxies}
    for place, options in _channel_groups(settings):
        for kind in _KINDS:
            named = getattr(options, f"{kind}_proxy_name")
            default = getattr(settings.channel.proxy, kind)
            if getattr(options, f"{kind}_proxy_enabled"):
                yield from _choice((f"{place}.{kind}_proxy", "name"), named, known, f"channel.proxy.{kind}", default)
    for place, methods in _rpc_groups(settings):
        if methods.proxy_enabled:
            yield from _choice((f"{place}.proxy", "name"), methods.proxy_name, known, "rpc.proxy", settings.rpc.proxy)
    for name, number in Counter(one.name for one in settings.rpc.namespaces).items():
        if number > 1:
            yield _fault(f"expected each namespace once, saw {name} {number} times", "rpc.namespaces")


def _handshake(settings: Settings) -> Iterator[Fault]:
    connect, most = settings.client.proxy.connect, settings.client.handshake_timeout
    if connect.enabled and connect.timeout >= most:
        text = (
            f"expected less than client.handshake_timeout ({most:g} s), which ends waiting, saw {connect.timeout:g} s"
        )
        yield _fault(text, "client.proxy.connect.timeout", "client.handshake_timeout")


def _fault(text: str, *keys: str) -> Fault:
    return Fault(f"{' with '.join(keys)}: {text}", keys)


def _configured(settings: Settings) -> Iterator[tuple[str, Proxy]]:
    """Yield each proxy that has an endpoint, or is switched on and needs one."""
    for name, switched in (("connect", settings.client.proxy.connect), ("refresh", settings.client.proxy.refresh)):
        place = f"client.proxy.{name}"
        if switched.enabled or switched.endpoint:
            yield place, switched
    for kind in _KINDS:
        if (proxy := getattr(settings.channel.proxy, kind)).endpoint:
            yield f"channel.proxy.{kind}", proxy
    if settings.rpc.proxy.endpoint:
        yield "rpc.proxy", settings.rpc.proxy
    for index, named in enumerate(settings.proxies):
        yield f"proxies[{index}]", named


def _channel_groups(settings: Settings) -> Iterator[tuple[str, ChannelOptions]]:
    yield "channel.without_namespace", settings.channel.without_namespace
    for index, namespace in enumerate(settings.channel.namespaces):
        yield f"channel.namespaces[{index}]", namespace


def _rpc_groups(settings: Settings) -> Iterator[tuple[str, RpcOptions]]:
    yield "rpc.without_namespace", settings.rpc.without_namespace
    for index, namespace in enumerate(settings.rpc.namespaces):
        yield f"rpc.namespaces[{index}]", namespace


def _choice(where: tuple[str, str], named: str, known: set[str], place: str, default: Proxy) -> Iterator[Fault]:
    """Check who answers where a proxy is switched on: the named one, else the default."""
    switch, choice = f"{where[0]}_enabled", f"{where[0]}_{where[1]}"
    if named and named not in known:
        yield _fault(f"expected the name of one of `proxies`, saw {named}", choice, "proxies")
    elif not named and not default.endpoint:
        yield _fault("expected an endpoint for the proxy that is switched on, saw none", switch, f"{place}.endpoint")


def _proxy(place: str, proxy: Proxy) -> Iterator[Fault]:
    yield from _endpoint(f"{place}.endpoint", proxy.endpoint)
    for list_name in ("http_headers", "emulated_headers"):
        for name in getattr(proxy, list_name):
            yield from _header(f"{place}.{list_name}", name)
    for name in proxy.http.static_headers:
        yield from _header(f"{place}.http.static_headers", name)
    for name, value in proxy.http.static_headers.items():
        if not (text := value.get_secret_value()).isascii() or not (text.isprintable() or not text):
            yield _fault(f"expected printable ASCII as the value of {name}, saw others", f"{place}.http.static_headers")
    for index, transform in enumerate(proxy.http.status_to_code_transforms):
        yield from _transform(f"{place}.http.status_to_code_transforms[{index}]", transform)
    yield from _tls(f"{place}.http.tls", proxy.http.tls)


def _endpoint(key: str, endpoint: str) -> Iterator[Fault]:
    expected = "expected an address such as http://127.0.0.1:3000/connect"
    if not endpoint:
        yield _fault(f"{expected}, saw none", key)
        return
    try:
        parts = urlsplit(endpoint)
        is_usable = bool(parts.hostname) and (parts.port or 1) > 0 and endpoint.isascii() and endpoint.isprintable()
    except ValueError:
        yield _fault(f"{expected}, saw one that cannot be read", key)
        return
    scheme = parts.scheme.lower()
    if scheme in {"grpc", "grpcs"}:
        yield _fault(f"{expected}, saw {scheme}; backends are called over HTTP only", key)
    elif scheme not in {"http", "https"} or not is_usable:
        yield _fault(f"{expected}, saw {scheme or 'no scheme'} in it", key)


def _header(key: str, name: str) -> Iterator[Fault]:
    if not _NAME.fullmatch(name):
        yield _fault("expected names of HTTP headers, saw one that is none", key)
    elif name.lower() in OWN_HEADERS:
        yield _fault(f"expected headers that may be handed on, saw {name}, which belongs to the call itself", key)


def _transform(place: str, transform: StatusTransform) -> Iterator[Fault]:
    error, close = transform.to_error, transform.to_disconnect
    if bool(error.code) == bool(close.code):
        seen = "both" if error.code else "neither"
        keys = f"{place}.to_error.code", f"{place}.to_disconnect.code"
        yield _fault(f"expected either an error or a disconnect, saw {seen}", *keys)
    elif error.code and (fault := error_fault(error.code)):
        yield _fault(f"{fault[0].lower()}{fault[1:-1]}", f"{place}.to_error")
    elif close.code and (fault := close_fault(close.code, close.reason)):
        yield _fault(f"{fault[0].lower()}{fault[1:-1]}", f"{place}.to_disconnect")
    if transform.status_code == 200:
        yield _fault("expected a status other than 200, which is the answer itself", f"{place}.status_code")


def _tls(place: str, tls: ProxyTls) -> Iterator[Fault]:
    if (tls.cert_pem is None) != (tls.key_pem is None):
        missing = "cert_pem" if tls.cert_pem is None else "key_pem"
        yield _fault(f"expected both or neither, saw no {missing}", f"{place}.cert_pem", f"{place}.key_pem")
    if not tls.enabled and (tls.cert_pem or tls.server_ca_pem or tls.server_name):
        yield _fault("expected enabled to be on, saw it off beside what needs it", f"{place}.enabled")
