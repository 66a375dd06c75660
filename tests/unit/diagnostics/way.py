"""Terms of a gateway, and configuration files of proxies before it, as texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from holdfast.diagnostics.findings import Finding
from holdfast.diagnostics.haproxy_file import read_haproxy
from holdfast.diagnostics.haproxy_path import haproxy_findings
from holdfast.diagnostics.nginx_file import read_nginx
from holdfast.diagnostics.nginx_path import nginx_findings
from holdfast.diagnostics.proxy_files import Loaded, Source
from holdfast.diagnostics.terms import Terms
from holdfast.settings import Settings
from holdfast.wiring_paths import gateway_terms

GATEWAY = gateway_terms(Settings())
HEADERS = "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; proxy_set_header Host $host;"
GOOD = f"proxy_pass http://127.0.0.1:8000; proxy_http_version 1.1; {HEADERS}"


def terms(**settings: Any) -> Terms:
    """Return the terms of a gateway with these settings."""
    return gateway_terms(Settings.model_validate(settings))


def loaded(text: str) -> Loaded:
    """Return one file with this text."""
    return Loaded([Source(Path("/etc/proxy.conf"), text)])


def nginx(text: str, of: Terms = GATEWAY, cores: int = 2) -> list[Finding]:
    """Return what is found in a text, which includes nothing."""
    return nginx_findings(read_nginx(loaded(text), lambda pattern: Loaded()), of, cores)


def haproxy(text: str, of: Terms = GATEWAY) -> list[Finding]:
    """Return what is found in a text."""
    return haproxy_findings(read_haproxy(loaded(text)), of)


def server(location: str, before: str = "") -> str:
    """Return an nginx server with one location for everything."""
    return f"{before} server {{ listen 80; location / {{ {location} }} }}"
