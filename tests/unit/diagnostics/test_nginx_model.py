from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.diagnostics.nginx_file import parse
from holdfast.diagnostics.nginx_model import Nginx, Scope, location_of, passes_to
from holdfast.diagnostics.proxy_files import Source


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/exact", "x:2"),
        ("/connection/websocket", "x:4"),
        ("/connection/sse", "x:3"),
        ("/images/a.png", "x:6"),
        ("/photo.png", "x:5"),
        ("/other", "x:1"),
        ("/outer/inner/x", "x:8"),
        ("/outer/x", "x:7"),
    ],
)
def test_location_is_picked_as_nginx_does(path: str, place: str) -> None:
    """Exact, then the longest prefix, unless an expression fits and the prefix does not forbid it."""
    text = (
        "location / {}\nlocation = /exact {}\nlocation /connection/ {}\nlocation ~ ^/connection/web {}\n"
        "location ~* \\.PNG$ {}\nlocation ^~ /images/ {}\nlocation /outer/ {\nlocation /outer/inner {} }\n"
        "location ~ '(' {}"
    )
    faults: list[str] = []

    assert location_of(Scope((parse(Source(Path("x"), text), faults),), ""), path).place == place
    assert faults == []


def test_target_behind_a_condition_counts() -> None:
    """A `proxy_pass` inside an `if` leads there, too."""
    block = parse(Source(Path("x"), "if ($a) { proxy_pass http://b; }"), [])

    assert passes_to(Scope((block,), "")) == "http://b"


def test_ports_of_odd_targets_are_none() -> None:
    """Sockets, variables and texts have no port."""
    for target in ("unix:/run/x.sock", "$backend", "http://$host", "http://a:port"):
        text = f"location / {{ proxy_pass {target}; }}"
        of = Nginx([], [], (), {})
        block = parse(Source(Path("x"), text), [])[0].block or []
        assert of.ports(Scope((block,), "")) <= {80}
