"""The lines of docs/troubleshooting.md that let a page ask why it got 1006 work with the stock JavaScript SDK."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.gateway import Gateway
from tests.parts import require

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "troubleshooting.md"
EXAMPLE = "wss://example.org/connection/websocket"
# Node plays the page: its WebSocket says of which origin it comes, and the first answer ends it.
BEFORE = """
import {{ createRequire }} from 'node:module';
const require = createRequire({here});
const {{ Centrifuge }} = require('centrifuge');
const Socket = require('ws');
globalThis.WebSocket = class extends Socket {{
  constructor(address, protocols) {{ super(address, protocols, {{ origin: {origin} }}); }}
}};
const getToken = async () => {token};
console.warn = (what, answer) => {{ console.log(JSON.stringify(answer)); process.exit(0); }};
"""


@pytest.mark.parametrize(
    ("origin", "token", "slug"),
    [
        ("https://elsewhere.example.org", "", "origin_not_allowed"),
        ("", "x.y", "token_malformed"),
    ],
)
def test_page_learns_why_it_was_refused(gateway: Gateway, origin: str, token: str, slug: str) -> None:
    """Before the handshake was answered, and behind it, the lines as they stand there print the gateway's own word."""
    require("npm:tests/sdk")
    lines = re.findall(r"^```js\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    before = BEFORE.format(
        here=json.dumps(f"{HERE}/"), origin=json.dumps(origin or gateway.url), token=json.dumps(token)
    )
    program = before + lines[0].replace(EXAMPLE, gateway.ws_url)

    ran = subprocess.run(
        ["node", "--input-type=module", "--eval", program], capture_output=True, text=True, timeout=60, check=False
    )

    assert json.loads(ran.stdout)["slug"] == slug, ran.stderr
