"""Which proxies stand between a client and a gateway, told by what they leave in answers and requests. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

BODY: Final = ":body"


@dataclass(frozen=True, slots=True)
class Mark:
    """What gives a proxy away: a header (or the body) that matches a pattern; `source` says who documents it."""

    proxy: str
    header: str
    pattern: re.Pattern[str]
    source: str


def _mark(proxy: str, header: str, pattern: str, source: str) -> Mark:
    return Mark(proxy, header, re.compile(pattern, re.IGNORECASE), source)


# ruff: noqa: E501 - rows of a table
# fmt: off
# In answers.
ANSWER_MARKS: Final[tuple[Mark, ...]] = (
    _mark("nginx", "server", r"^(nginx|openresty|tengine)\b", "nginx.org/en/docs/http/ngx_http_core_module.html#server_tokens"),
    _mark("nginx", BODY, r"<hr><center>(nginx|openresty)", "nginx: src/http/ngx_http_special_response.c"),
    _mark("ingress-nginx", BODY, r"^default backend - 404", "kubernetes.github.io/ingress-nginx/user-guide/default-backend"),
    _mark("HAProxy", BODY, r"^<html><body><h1>\d{3} [^<]*</h1>\s*(No server is available to handle this request|The server returned an invalid or incomplete response"
          r"|The server didn't respond in time|Your browser |Request forbidden by administrative rules|You have sent too many requests|An internal server error occurred)",
          "HAProxy: src/http.c, http_err_msgs"),
    _mark("HAProxy", "set-cookie", r"^(SERVERID|SRVID|HAPROXY\w*)=", "docs.haproxy.org: cookie; the names of its examples"),
    _mark("HAProxy", "server", r"^haproxy\b", "HAProxy's own stats and promex pages"),
    _mark("Apache httpd", "server", r"^apache\b", "httpd.apache.org/docs/2.4/mod/core.html#servertokens"),
    _mark("Envoy", "server", r"^(istio-)?envoy$", "envoyproxy.io: server_name of the HTTP connection manager"),
    _mark("Envoy", "x-envoy-upstream-service-time", r".", "envoyproxy.io: router filter, HTTP headers"),
    _mark("Envoy", BODY, r"^(no healthy upstream|upstream connect error or disconnect/reset)", "envoyproxy.io: response flags UH, UF"),
    _mark("Caddy", "server", r"^caddy\b", "caddyserver.com/docs/json/apps/http"),
    _mark("Caddy", "via", r"\bcaddy\b", "caddyserver.com/docs/caddyfile/directives/reverse_proxy"),
    _mark("Traefik", "server", r"^traefik\b", "doc.traefik.io"),
    _mark("Varnish", "via", r"\bvarnish\b", "varnish-cache.org/docs: Via"),
    _mark("Varnish", "x-varnish", r".", "varnish-cache.org/docs: X-Varnish"),
    _mark("Squid", "via", r"\bsquid\b", "squid-cache.org/Doc/config/via"),
    _mark("Squid", "x-squid-error", r".", "squid-cache.org: error pages"),
    _mark("Cloudflare", "cf-ray", r".", "developers.cloudflare.com/fundamentals/reference/http-headers"),
    _mark("Cloudflare", "server", r"^cloudflare", "developers.cloudflare.com/fundamentals/reference/http-headers"),
    _mark("Amazon CloudFront", "x-amz-cf-id", r".", "docs.aws.amazon.com/AmazonCloudFront: response headers"),
    _mark("Amazon CloudFront", "x-cache", r"cloudfront", "docs.aws.amazon.com/AmazonCloudFront: response headers"),
    _mark("AWS load balancer", "server", r"^awselb/", "docs.aws.amazon.com/elasticloadbalancing: HTTP errors of the load balancer"),
    _mark("AWS load balancer", "set-cookie", r"^AWS(ALB|ELB)", "docs.aws.amazon.com/elasticloadbalancing: sticky sessions"),
    _mark("Google Cloud load balancer", "via", r"\bgoogle$", "cloud.google.com/load-balancing/docs/https: Via"),
    _mark("Azure Front Door", "x-azure-ref", r".", "learn.microsoft.com/azure/frontdoor/front-door-http-headers-protocol"),
    _mark("Azure Application Gateway", "server", r"^Microsoft-Azure-Application-Gateway", "learn.microsoft.com/azure/application-gateway"),
    _mark("Fastly", "x-served-by", r"^cache-", "fastly.com/documentation/reference/http/http-headers/X-Served-By"),
    _mark("Akamai", "server", r"^AkamaiGHost", "techdocs.akamai.com"),
    _mark("Heroku router", "via", r"\b(vegur|heroku-router)\b", "devcenter.heroku.com/articles/http-routing"),
    _mark("Fly.io proxy", "fly-request-id", r".", "fly.io/docs/networking/request-headers"),
)

# In the request, as the gateway saw it.
REQUEST_MARKS: Final[tuple[Mark, ...]] = (
    _mark("AWS load balancer", "x-amzn-trace-id", r".", "docs.aws.amazon.com/elasticloadbalancing: request tracing"),
    _mark("Amazon CloudFront", "x-amz-cf-id", r".", "docs.aws.amazon.com/AmazonCloudFront: request headers"),
    _mark("Cloudflare", "cf-ray", r".", "developers.cloudflare.com/fundamentals/reference/http-headers"),
    _mark("Envoy", "x-envoy-expected-rq-timeout-ms", r".", "envoyproxy.io: router filter, HTTP headers"),
    _mark("Google Cloud load balancer", "via", r"\bgoogle$", "cloud.google.com/load-balancing/docs/https: Via"),
    _mark("Azure Front Door", "x-azure-ref", r".", "learn.microsoft.com/azure/frontdoor/front-door-http-headers-protocol"),
    _mark("Fly.io proxy", "fly-request-id", r".", "fly.io/docs/networking/request-headers"),
)
# fmt: on

UNNAMED: Final = "a proxy that gives no name"
_FORWARDED: Final = ("x-forwarded-for", "forwarded", "x-real-ip", "via")
_LONGEST_BODY: Final = 4096


def proxies_in_answer(headers: Sequence[tuple[str, str]], body: bytes = b"") -> list[str]:
    """Return the proxies that an answer names, each once; header names are in lower case."""
    text = body[:_LONGEST_BODY].decode("latin-1")
    found = [
        mark.proxy
        for mark in ANSWER_MARKS
        for name, value in [*headers, (BODY, text)]
        if mark.header == name and mark.pattern.search(value.strip())
    ]
    via = [value for name, value in headers if name == "via"]
    return list(dict.fromkeys(found)) or ([UNNAMED] if via else [])


def proxies_in_request(seen: Mapping[str, str]) -> list[str]:
    """Return the proxies that left something in a request, as the gateway saw it."""
    headers = {name.lower(): str(value) for name, value in seen.items()}
    found = [mark.proxy for mark in REQUEST_MARKS if mark.pattern.search(headers.get(mark.header, ""))]
    return list(dict.fromkeys(found)) or ([UNNAMED] if any(name in headers for name in _FORWARDED) else [])


def joined(*lists: Sequence[str]) -> list[str]:
    """Return all names once; one without a name only where no other is known."""
    names = list(dict.fromkeys(name for names in lists for name in names))
    return [name for name in names if name != UNNAMED] or names
