"""Combinations of settings that cannot work together, each with the keys it is about.

Ranges of single settings stand in the tree; here is what takes more than one of them. Facts about channels follow
Centrifugo v6, which refuses to start on the same combinations of history options.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase

from holdfast.settings import ChannelOptions, ChannelSettings, PublicKey, Settings, TokenRules
from holdfast.settings_admission import AdmissionSettings
from holdfast.settings_auth_checks import check_auth
from holdfast.settings_broker_checks import check_broker
from holdfast.settings_faults import Fault
from holdfast.settings_proxies import SwitchedProxy
from holdfast.settings_proxy_checks import check_proxies

_SHORTEST_SECRET = 32  # bytes, as many as the signature's hash has
_LONGEST_STOP = 600.0  # seconds; the profile never lets a pod's terminationGracePeriodSeconds exceed it
# Pages that have nothing in common: who lets in both lets in everybody. In a sandboxed frame any page is `null`.
_STRANGERS = (
    *(
        (f"{scheme}://stranger.example{port}", f"{scheme}://nobody-knows.invalid{port}")
        for scheme, port in (("http", ""), ("https", ""), ("http", ":8080"), ("https", ":8443"))
    ),
    ("null",),
)


def check_combinations(settings: Settings) -> list[Fault]:
    """Return every combination of these settings that cannot work."""
    return [
        *_doors(settings),
        *_tls(settings),
        *_ports(settings),
        *_timing(settings),
        *_sizes(settings),
        *_admission(settings.admission),
        *_rules("token", settings.token),
        *(_rules("token.subscription", settings.token.subscription) if settings.token.subscription else ()),
        *_monitor(settings),
        *check_broker(settings.broker),
        *_names(settings.channel),
        *_channels(settings.channel),
        *check_proxies(settings),
        *_logs(settings),
        *check_auth(settings),
    ]


def _fault(text: str, *keys: str) -> Fault:
    return Fault(f"{' with '.join(keys)}: {text}", keys)


def _doors(settings: Settings) -> Iterator[Fault]:
    origins, cookie = settings.client.allowed_origins, settings.token.cookie
    keys = ("token.cookie", "client.allowed_origins")
    open_to_all = sorted(filter(_is_open_to_all, origins))
    if cookie and not origins:
        yield _fault(
            f"expected the origins whose pages may use the cookie {cookie}, saw none; "
            "a browser sends cookies with every page's connections",
            *keys,
        )
    if cookie and open_to_all:
        yield _fault(
            f"expected named origins beside the cookie {cookie}, saw {', '.join(open_to_all)}; "
            "any page could connect as the user who visits it",
            *keys,
        )
    if open_to_all and _asks_by_cookie(settings.client.proxy.connect):
        yield _fault(
            f"expected named origins beside a backend that gets cookies, saw {', '.join(open_to_all)}; "
            "any page could connect as the user who visits it",
            "client.proxy.connect.http_headers",
            "client.allowed_origins",
        )


def _logs(settings: Settings) -> Iterator[Fault]:
    length = len(settings.log.client_token_secret.get_secret_value().encode())
    if 0 < length < _SHORTEST_SECRET:
        yield _fault(
            f"expected at least {_SHORTEST_SECRET} bytes, saw {length}; who guesses it can write into the log",
            "log.client_token_secret",
        )
    if settings.log.client_max_lines > settings.log.client_line_burst:
        yield _fault(
            f"expected a whole batch to fit, saw {settings.log.client_max_lines} lines in one and "
            f"{settings.log.client_line_burst} at once from all",
            "log.client_max_lines",
            "log.client_line_burst",
        )


def _is_open_to_all(pattern: str) -> bool:
    """Tell whether an entry of `client.allowed_origins` admits pages whatever their host, one way at least."""
    looked_for = pattern.strip().lower().replace("[", "[[]")  # stands for itself in an origin
    return any(all(fnmatchcase(page, looked_for) for page in pages) for pages in _STRANGERS)


def _asks_by_cookie(connect: SwitchedProxy) -> bool:
    return connect.enabled and "cookie" in [name.lower() for name in connect.http_headers]


def _tls(settings: Settings) -> Iterator[Fault]:
    tls = settings.tls
    if (tls.cert_file is None) != (tls.key_file is None):
        missing = "tls.cert_file" if tls.cert_file is None else "tls.key_file"
        yield _fault(f"expected both or neither, saw no {missing}", "tls.cert_file", "tls.key_file")


def _ports(settings: Settings) -> Iterator[Fault]:
    inner, outer = settings.internal_port, settings.port
    if inner is None and settings.internal_host:
        yield _fault("expected internal_port beside internal_host, saw none", "internal_host", "internal_port")
    if inner and inner == outer and settings.internal_host in ("", settings.host):
        yield _fault(f"expected two different ports, saw {outer} twice", "internal_port", "port")


def _timing(settings: Settings) -> Iterator[Fault]:
    client, jwks, stop = settings.client, settings.token.jwks, settings.shutdown
    if client.pong_timeout >= client.ping_interval:
        yield _fault(
            f"expected pongs due before the next ping, saw {client.pong_timeout:g} s and {client.ping_interval:g} s",
            "client.pong_timeout",
            "client.ping_interval",
        )
    if client.presence_update_interval >= settings.broker.presence_ttl:
        yield _fault(
            "expected presence to be refreshed before it ends, "
            f"saw a refresh every {client.presence_update_interval:g} s for {settings.broker.presence_ttl:g} s",
            "client.presence_update_interval",
            "broker.presence_ttl",
        )
    if jwks.min_interval > jwks.refresh_interval:
        yield _fault(
            f"expected min_interval at most refresh_interval, saw {jwks.min_interval:g} and {jwks.refresh_interval:g}",
            "token.jwks.min_interval",
            "token.jwks.refresh_interval",
        )
    poll = settings.poll
    if poll.idle_timeout <= poll.timeout:
        yield _fault(
            "expected a longer life of idle sessions than of a waiting request, so that they outlive one that died "
            f"unseen; saw {poll.idle_timeout:g} s beside {poll.timeout:g} s",
            "poll.idle_timeout",
            "poll.timeout",
        )
    total = stop.propagation_wait + stop.drain_window + stop.timeout
    if total >= _LONGEST_STOP:
        yield _fault(
            f"expected a stop of less than {_LONGEST_STOP:g} s in all, saw {total:g}",
            "shutdown.propagation_wait",
            "shutdown.drain_window",
            "shutdown.timeout",
        )


def _monitor(settings: Settings) -> Iterator[Fault]:
    monitor = settings.monitor
    for name in ("memory", "descriptors", "cpu", "loop_lag", "socket_memory", "conntrack"):
        given = getattr(monitor, name)
        if given.warning > given.critical:
            yield _fault(
                f"expected a warning before it is critical, saw {given.warning:g} and {given.critical:g}",
                f"monitor.{name}.warning",
                f"monitor.{name}.critical",
            )


def _sizes(settings: Settings) -> Iterator[Fault]:
    high_water, queue = settings.websocket.write_high_water, settings.client.queue_max_size
    if high_water > queue:
        yield _fault(
            f"expected a high-water mark within the queue, saw {high_water} over {queue} bytes",
            "websocket.write_high_water",
            "client.queue_max_size",
        )
    header, url, token = settings.http.max_header_bytes, settings.http.max_url_bytes, settings.token.max_bytes
    if url > header:
        yield _fault(
            f"expected URLs to fit into the header block, saw {url} over {header} bytes",
            "http.max_url_bytes",
            "http.max_header_bytes",
        )
    for key, size in _messages(settings):
        if token > size:
            yield _fault(
                f"expected tokens to fit into a message, saw {token} over {size} bytes", "token.max_bytes", key
            )


def _messages(settings: Settings) -> Iterator[tuple[str, int]]:
    """Name the limits of what may carry a token: connect by each way, and its refresh."""
    yield "websocket.max_message_bytes", settings.websocket.max_message_bytes
    if settings.poll.enabled:
        yield "poll.max_body_bytes", settings.poll.max_body_bytes
    if settings.http_stream.enabled:
        yield "http_stream.max_request_body_size", settings.http_stream.max_request_body_size
    if settings.sse.enabled:
        yield "sse.max_request_body_size", settings.sse.max_request_body_size
    if settings.http_stream.enabled or settings.sse.enabled:
        yield "emulation.max_request_body_size", settings.emulation.max_request_body_size


def _admission(admission: AdmissionSettings) -> Iterator[Fault]:
    total, of_address = admission.max_connections, admission.max_connections_per_address
    if of_address > total:
        yield _fault(
            f"expected fewer connections of an address than of the instance, saw {of_address} over {total}",
            "admission.max_connections_per_address",
            "admission.max_connections",
        )


def _rules(group: str, rules: TokenRules) -> Iterator[Fault]:
    for index, key in enumerate(rules.public_keys):
        yield from _public_key(f"{group}.public_keys[{index}]", key)
    for index, previous in enumerate(rules.previous_keys):
        if not previous.secret.get_secret_value():
            yield _fault("expected a secret, saw an empty text", f"{group}.previous_keys[{index}].secret")
    if rules.hmac_secret.get_secret_value() and not rules.hmac_algorithms:
        yield _fault(
            "expected at least one algorithm for the secret, saw none",
            f"{group}.hmac_secret",
            f"{group}.hmac_algorithms",
        )


def _public_key(place: str, key: PublicKey) -> Iterator[Fault]:
    if bool(key.pem) == (key.file is not None):
        seen = "both" if key.pem else "neither"
        yield _fault(f"expected either pem or file, saw {seen}", f"{place}.pem", f"{place}.file")


def _names(channel: ChannelSettings) -> Iterator[Fault]:
    marks = {
        "channel.namespace_boundary": channel.namespace_boundary,
        "channel.user_boundary": channel.user_boundary,
        "channel.user_separator": channel.user_separator,
        "channel.private_prefix": channel.private_prefix,
    }
    for mark, number in Counter(marks.values()).items():
        if mark and number > 1:
            keys = [key for key, value in marks.items() if value == mark]
            yield _fault(f"expected different marks, saw {mark} for each", *keys)
    for name, number in Counter(namespace.name for namespace in channel.namespaces).items():
        if number > 1:
            yield _fault(f"expected each namespace once, saw {name} {number} times", "channel.namespaces")


def _channels(channel: ChannelSettings) -> Iterator[Fault]:
    yield from _options("channel.without_namespace", channel.without_namespace, channel.history_meta_ttl)
    for index, namespace in enumerate(channel.namespaces):
        yield from _options(f"channel.namespaces[{index}]", namespace, channel.history_meta_ttl)


def _options(place: str, options: ChannelOptions, default_meta_ttl: float) -> Iterator[Fault]:
    name = f" (namespace {label})" if (label := getattr(options, "name", "")) else ""
    size, ttl = f"{place}.history_size", f"{place}.history_ttl"
    has_history = bool(options.history_size and options.history_ttl)
    if bool(options.history_size) != bool(options.history_ttl):
        yield _fault(
            f"expected both or neither, saw {options.history_size} and {options.history_ttl:g} s{name}", size, ttl
        )
    elif options.force_recovery and not has_history:
        yield _fault(f"expected history to recover from, saw none{name}", f"{place}.force_recovery", size, ttl)
    elif options.allow_recovery and not has_history:
        yield _fault(f"expected history to recover from, saw none{name}", f"{place}.allow_recovery", size, ttl)
    yield from _cache(place, options, name)
    meta_ttl = options.history_meta_ttl or default_meta_ttl
    if meta_ttl < options.history_ttl:
        yield _fault(
            f"expected positions to outlive publications, saw {meta_ttl:g} s under {options.history_ttl:g} s{name}",
            f"{place}.history_meta_ttl",
            ttl,
        )
    if options.force_push_join_leave and not options.join_leave:
        yield _fault(
            f"expected join_leave to be on, saw it off{name}", f"{place}.force_push_join_leave", f"{place}.join_leave"
        )


def _cache(place: str, options: ChannelOptions, name: str) -> Iterator[Fault]:
    if options.auto_cache_recover and not (options.force_recovery and options.force_recovery_mode == "cache"):
        mode = options.force_recovery_mode or "stream"
        yield _fault(
            f"expected force_recovery in cache mode, saw it {'in ' + mode if options.force_recovery else 'off'}{name}",
            f"{place}.auto_cache_recover",
            f"{place}.force_recovery",
            f"{place}.force_recovery_mode",
        )
