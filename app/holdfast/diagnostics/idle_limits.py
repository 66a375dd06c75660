"""The limits that proxies, load balancers and networks are known to set, and where each is changed.

`idle` limits end what nothing passes through; `age` limits end what has lived that long, whatever passes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from holdfast.diagnostics.peaks import width_at

LimitKind = Literal["idle", "age"]


@dataclass(frozen=True, slots=True)
class Limit:
    """One product's default: `setting` is what changes it, in the product's own words."""

    seconds: float
    product: str
    setting: str
    source: str
    kind: LimitKind = "idle"


_AWS = "https://docs.aws.amazon.com/elasticloadbalancing/latest"
_NGINX = "https://nginx.org/en/docs/http/ngx_http_proxy_module.html"
_ENVOY = "https://www.envoyproxy.io/docs/envoy/latest/faq/configuration/timeouts"
_GOOGLE = "https://cloud.google.com/load-balancing/docs/https#timeouts_and_retries"

LIMITS: Final[tuple[Limit, ...]] = (
    Limit(15, "Envoy", "the route's `timeout` (0s switches it off)", _ENVOY, "age"),
    Limit(
        30,
        "Google Cloud Load Balancing",
        "the backend service's `timeoutSec` (BackendConfig or GCPBackendPolicy on GKE)",
        _GOOGLE,
        "age",
    ),
    Limit(55, "Heroku", "no setting; ping more often", "https://devcenter.heroku.com/articles/http-routing#timeouts"),
    Limit(60, "nginx", "`proxy_read_timeout`", f"{_NGINX}#proxy_read_timeout"),
    Limit(
        60,
        "ingress-nginx",
        "`nginx.ingress.kubernetes.io/proxy-read-timeout` and `proxy-send-timeout`",
        "https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/#custom-timeouts",
    ),
    Limit(
        60,
        "AWS Application Load Balancer",
        "`idle_timeout.timeout_seconds`",
        f"{_AWS}/application/edit-load-balancer-attributes.html",
    ),
    Limit(
        60,
        "Apache httpd",
        "`ProxyTimeout`",
        "https://httpd.apache.org/docs/2.4/mod/mod_proxy.html#proxytimeout",
    ),
    Limit(
        100,
        "Cloudflare",
        "no setting below Enterprise; ping more often",
        "https://developers.cloudflare.com/network/websockets/",
    ),
    Limit(
        240,
        "Azure Load Balancer",
        "`idleTimeoutInMinutes` of the rule",
        "https://learn.microsoft.com/azure/load-balancer/load-balancer-tcp-reset",
    ),
    Limit(
        240,
        "ingress-nginx",
        "`worker-shutdown-timeout`: a reload ends what the old workers hold",
        "https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/configmap/#worker-shutdown-timeout",
        "age",
    ),
    Limit(300, "Envoy", "`stream_idle_timeout`", _ENVOY),
    Limit(
        350,
        "AWS Network Load Balancer",
        "`tcp.idle_timeout.seconds` of the listener",
        f"{_AWS}/network/update-idle-timeout.html",
    ),
    Limit(
        350,
        "AWS NAT gateway",
        "no setting; ping more often",
        "https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html",
    ),
    Limit(
        600,
        "Google Cloud",
        "no setting of the firewall's connection tracking; ping more often",
        "https://cloud.google.com/compute/docs/troubleshooting/general-tips",
    ),
    Limit(
        600,
        "AWS CloudFront",
        "no setting; ping more often",
        "https://repost.aws/questions/QU05nkjxdfRC2E67FGICmP3g/how-to-increase-cloudfront-websockets-idle-timeout",
    ),
    Limit(
        3600,
        "HAProxy",
        "`timeout tunnel`, which many set to 1h; it has no default",
        "https://docs.haproxy.org/2.6/configuration.html#4.2-timeout%20tunnel",
    ),
)
COMMON_IDLE_SECONDS: Final = 60.0
"""The limit of nginx, of AWS' Application Load Balancer and of Apache httpd: nearly everywhere there is one of them."""

SET_BY_HAND: Final = (
    "No default that is known has this length. Look for `timeout tunnel`, `timeout client` and `timeout server` in "
    "HAProxy, `proxy_read_timeout` in nginx, and the idle timeouts of load balancers and firewalls on the way; "
    "`holdfast diagnose connections --haproxy FILE --nginx FILE` reads them."
)


def candidates(seconds: float, kind: LimitKind, seen: frozenset[str] = frozenset()) -> list[Limit]:
    """Return the known limits of about this length, those of proxies that left their mark first."""
    near = [one for one in LIMITS if abs(one.seconds - seconds) <= width_at(one.seconds)]
    return sorted(near, key=lambda one: (one.product not in seen, one.kind != kind))


def smallest_of(products: frozenset[str]) -> Limit | None:
    """Return the shortest idle limit that these products have by default."""
    return min(
        (one for one in LIMITS if one.product in products and one.kind == "idle"),
        key=lambda one: one.seconds,
        default=None,
    )


def render_limits_docs() -> str:
    """Return docs/idle-limits.md: every known limit, what changes it, and who says so."""
    rows = [
        f"| {one.seconds:g} s | {one.product} | {one.kind} | {one.setting} | [source]({one.source}) |"
        for one in sorted(LIMITS, key=lambda one: (one.seconds, one.product))
    ]
    return _HEAD + "\n".join(rows) + "\n"


_HEAD = """\
# Known limits on the way

<!-- Generated by `make docs`; edit app/holdfast/diagnostics/idle_limits.py instead. -->

Proxies, load balancers and networks end connections by themselves. An `idle` limit ends those on which nothing passes
for so long; an `age` limit ends those that are so old, whatever passes. `holdfast diagnose connections` finds such a
limit by the lengths at which connections end, and names those of this table that fit. The numbers are defaults:
somebody may have set another one. [diagnose.md](diagnose.md) says how it is found,
[reverse-proxies.md](reverse-proxies.md) what to set.

| Limit | Product | Kind | What changes it | Source |
| ---: | --- | --- | --- | --- |
"""
