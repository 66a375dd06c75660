"""All proxies in use, and which of them answers what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Literal

from holdfast.errors import ChannelError, ProtocolError
from holdfast.proxy.caller import Caller
from holdfast.proxy.endpoint import Endpoint
from holdfast.proxy.headers import HeaderRules
from holdfast.settings import ChannelOptions, Settings
from holdfast.settings_proxies import Proxy, RpcOptions
from holdfast.telemetry import metrics

ChannelKind = Literal["subscribe", "publish", "sub_refresh"]
_KINDS: tuple[ChannelKind, ...] = ("subscribe", "publish", "sub_refresh")


class ProxyTable:
    """The proxies that are switched on somewhere; false where there are none.

    Args:
        settings: of the instance, checked.
        clock: monotonic seconds.
        make_caller: for tests, instead of the network.

    Raises:
        ConfigError: a certificate file cannot be used.
    """

    def __init__(
        self, settings: Settings, clock: Callable[[], float], make_caller: Callable[[Proxy], Caller] | None = None
    ) -> None:
        self._endpoints: dict[str, Endpoint] = {}  # by the key of its settings
        self._named = {proxy.name: (f"proxies[{index}]", proxy) for index, proxy in enumerate(settings.proxies)}
        self._clock, self._make_caller = clock, make_caller
        self._boundary = settings.rpc.namespace_boundary
        session = settings.client.proxy
        self.connect = (
            self._make("connect", "client.proxy.connect", session.connect) if session.connect.enabled else None
        )
        self.refresh = (
            self._make("refresh", "client.proxy.refresh", session.refresh) if session.refresh.enabled else None
        )
        self._defaults: dict[ChannelKind, Proxy] = {kind: getattr(settings.channel.proxy, kind) for kind in _KINDS}
        groups: list[ChannelOptions] = [settings.channel.without_namespace, *settings.channel.namespaces]
        self._channels = {
            (kind, getattr(options, f"{kind}_proxy_name")): self._chosen(kind, getattr(options, f"{kind}_proxy_name"))
            for options in groups
            for kind in _KINDS
            if getattr(options, f"{kind}_proxy_enabled")
        }
        self._methods = {
            "": self._answering(settings.rpc.without_namespace, settings.rpc.proxy),
            **{one.name: self._answering(one, settings.rpc.proxy) for one in settings.rpc.namespaces},
        }
        later = [one.settings for one in self._endpoints.values() if one is not self.connect]
        self.kept_headers = HeaderRules(*later)
        """What of a client's headers calls after connect need."""
        self.keeps_meta = any(proxy.include_connection_meta for proxy in later)

    def __len__(self) -> int:
        """Return how many proxies are in use."""
        return len(self._endpoints)

    def of_channel(self, kind: ChannelKind, options: ChannelOptions) -> Endpoint | None:
        """Return who answers for a channel with these options; None where that is switched off."""
        if not getattr(options, f"{kind}_proxy_enabled"):
            return None
        return self._channels[kind, getattr(options, f"{kind}_proxy_name")]

    def of_method(self, method: str) -> Endpoint:
        """Return who answers an RPC method.

        Raises:
            ProtocolError: `method_not_found`, for a namespace that is not configured.
            ChannelError: `not_available`, where no proxy is switched on.
        """
        namespace, boundary, _ = method.partition(self._boundary)
        found = self._methods.get(namespace if boundary else "", False)
        if found is False:
            raise ProtocolError("method_not_found", f"no namespace {namespace[:64]!r} is configured")
        if not isinstance(found, Endpoint):
            raise ChannelError("not_available", f"nothing is configured to answer the method {method[:64]!r}")
        return found

    def report(self) -> None:
        """Let a scrape read what the proxies count."""
        metrics.PROXY_IN_FLIGHT.read_from(lambda: self._by_name(lambda one: one.in_flight))
        metrics.PROXY_BREAKER.read_from(lambda: self._by_name(lambda one: one.breaker_state))

    async def close(self) -> None:
        """End all connections."""
        for endpoint in self._endpoints.values():
            await endpoint.close()

    # Private methods

    def _by_name(self, read: Callable[[Endpoint], int]) -> Counter[str]:
        numbers: Counter[str] = Counter()
        for one in self._endpoints.values():
            numbers[one.name] += read(one)
        return numbers

    def _make(self, name: str, place: str, proxy: Proxy) -> Endpoint:
        """Return the one endpoint of a proxy, however many use it."""
        if place not in self._endpoints:
            caller = self._make_caller(proxy) if self._make_caller is not None else None
            self._endpoints[place] = Endpoint(name, place, proxy, self._clock, caller)
        return self._endpoints[place]

    def _chosen(self, kind: ChannelKind, name: str) -> Endpoint:
        if name:
            place, proxy = self._named[name]
            return self._make(name, place, proxy)
        return self._make(kind, f"channel.proxy.{kind}", self._defaults[kind])

    def _answering(self, options: RpcOptions, default: Proxy) -> Endpoint | None:
        if not options.proxy_enabled:
            return None
        if options.proxy_name:
            place, proxy = self._named[options.proxy_name]
            return self._make(options.proxy_name, place, proxy)
        return self._make("rpc", "rpc.proxy", default)
