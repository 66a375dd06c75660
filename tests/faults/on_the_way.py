"""Faults between a client and the gateway: names, addresses, certificates, proxies."""

from __future__ import annotations

from tests.faults.fault import ONLY_PROBE, Fault, at, through
from tests.faults.lab import PATH
from tests.proxies import free_port

FAULTS = (
    Fault(
        "The name has no DNS record",
        "dns_not_found",
        at(lambda lab: f"wss://gateway.example.com{PATH}", is_far=True),
        ONLY_PROBE,
    ),
    Fault("Nothing listens at the port", "tcp_refused", at(lambda lab: f"ws://127.0.0.1:{free_port()}"), ONLY_PROBE),
    Fault("A firewall drops packets", "tcp_timeout", at(lambda lab: f"ws://{lab.place.void}:8000"), ONLY_PROBE),
    Fault("No route to the address", "tcp_unreachable", at(lambda lab: "ws://192.0.2.1", is_far=True), ONLY_PROBE),
    Fault("The certificate has expired", "tls_expired", through("tls_expired"), ONLY_PROBE),
    Fault("The certificate is not valid yet", "tls_not_yet_valid", through("tls_early"), ONLY_PROBE),
    Fault("The certificate is for another name", "tls_wrong_name", through("tls_name"), ONLY_PROBE),
    Fault("Nobody vouches for the certificate", "tls_untrusted", through("tls_stranger"), ONLY_PROBE),
    Fault("TLS on a plain port, HAProxy", "tls_not_spoken", at(lambda lab: lab.url("plain", scheme="wss")), ONLY_PROBE),
    Fault(
        "TLS on a plain port, nginx", "tls_not_spoken", at(lambda lab: lab.url("nginx_plain", scheme="wss")), ONLY_PROBE
    ),
    Fault("Plain HTTP on a TLS port, HAProxy", "tls_required", at(lambda lab: lab.url("tls", scheme="ws")), ONLY_PROBE),
    Fault(
        "Plain HTTP on a TLS port, nginx", "tls_required", at(lambda lab: lab.url("nginx_tls", scheme="ws")), ONLY_PROBE
    ),
    Fault("A proxy drops the upgrade headers", "upgrade_stripped", through("stripped")),
    Fault("A proxy knows no such path", "path_not_found", through("elsewhere"), ONLY_PROBE),
    Fault(
        "A proxy cuts an idle connection",
        "proxy_idle_cut",
        through("idle_cut", "--idle", "6"),
        ONLY_PROBE,
        shows_as="client_gone",
    ),
    Fault(
        "A proxy holds a stream back",
        "stream_buffered",
        through("buffered", "--transport", "http_stream"),
        ONLY_PROBE,
        shows_as="client_gone",
    ),
)
