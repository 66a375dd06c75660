"""What a real gateway says of a refused attempt becomes an error of the browser client."""

from __future__ import annotations

import json
import secrets
import subprocess
from pathlib import Path

import httpx

from tests.gateway import Gateway
from tests.parts import require

HERE = Path(__file__).parent
PROGRAM = """
import { browserEnvironment } from '../../app/holdfast/web/client/environment.js';
import { errorOf } from '../../app/holdfast/web/client/errors.js';
import { explain } from '../../app/holdfast/web/client/explain.js';
const [url, cid] = process.argv.slice(1);
const error = await explain({
  endpoints: { websocket: `${url.replace('http', 'ws')}/websocket`, explain: `${url}/explain` },
  session: { cid },
  error: errorOf({ slug: 'open_failed' }),
  turn: { explained() {} },
  vitals: { load: () => new Promise(() => {}) },
  environment: browserEnvironment(),
});
const { name, slug, number, action, detail, meaning, remedy, attempt, logToken } = error;
console.log(JSON.stringify({ name, slug, number, action, detail, meaning, remedy, attempt, logToken }));
"""
MISTYPED = """
import { browserEnvironment } from '../../app/holdfast/web/client/environment.js';
import { ResilientWebSocketService } from '../../app/holdfast/web/client/index.js';
import WebSocket from '../sdk/node_modules/ws/wrapper.mjs';
const [url, token] = process.argv.slice(1);
const warnings = [];
const environment = { ...browserEnvironment(), WebSocket, warn: (text) => warnings.push(text) };
const service = new ResilientWebSocketService(url, { environment, token });
const errors = [];
service.addEventListener('error', ({ detail }) => errors.push(detail.error.slug));
service.connect();
await service.ready();
console.log(JSON.stringify({ errors, warnings, transport: service.transport }));
process.exit();
"""


def explained(gateway: Gateway, attempt: str) -> dict[str, str]:
    """Return the error to which the client's question comes."""
    command = ["node", "--input-type=module", "--eval", PROGRAM, f"{gateway.url}/connection", attempt]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=60, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_refused_handshake_is_explained(gateway: Gateway) -> None:
    """Where a browser says 1006, the client says which cause it was, and what to do."""
    require("node")
    attempt = secrets.token_hex(16)
    handshake = {"connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
    headers = handshake | {"sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==", "origin": "https://evil.example"}
    url = f"{gateway.url}/connection/websocket?cid={attempt}"
    refused = httpx.get(url, headers=headers, trust_env=False).json()

    error = explained(gateway, attempt)

    assert error["slug"] == refused["slug"] == "origin_not_allowed"
    assert (error["name"], error["action"], error["attempt"]) == ("OriginNotAllowedError", "stop", attempt)
    assert error["number"] == refused["code"]
    assert "allowed_origins" in error["remedy"]


def test_attempt_that_nobody_saw_is_tried_again(gateway: Gateway) -> None:
    """It never arrived, which says nothing against another try."""
    require("node")

    error = explained(gateway, secrets.token_hex(16))

    assert (error["slug"], error["action"]) == ("unknown_attempt", "retry")


def test_mistyped_path_is_said_though_a_fallback_connects(gateway: Gateway) -> None:
    """One error with the cause, one warning with path and remedy, and a stream all the same."""
    require("npm:tests/sdk")
    url = f"{gateway.url}/connection/websockett"
    command = ["node", "--input-type=module", "--eval", MISTYPED, url, gateway.token("ada")]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=60, check=True)
    found = json.loads(done.stdout)

    assert (found["errors"], found["transport"]) == (["not_found"], "http_stream")
    assert len(found["warnings"]) == 1
    assert "/connection/websockett" in found["warnings"][0]
