"""`holdfast smoke` against a real gateway."""

from __future__ import annotations

import json

from tests.gateway import API_KEY, SECRET
from tests.integration.test_cli import holdfast


def test_smoke_is_well_on_a_gateway_that_works(gateway):
    """Token, subscription, publication and close code are real ones."""
    done = holdfast(
        "smoke", "--json", "--url", gateway.url, "--descriptors", "64",
        HOLDFAST_TOKEN__HMAC_SECRET=SECRET, HOLDFAST_API__KEYS=json.dumps([API_KEY]),
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    checks = {one["name"]: one for one in json.loads(done.stdout)["checks"]}
    assert {one["outcome"] for one in checks.values()} == {"ok"}
    assert checks["close"]["told"] == "3503 force_disconnect"


def test_smoke_with_a_wrong_key_says_which_step(gateway):
    """The API's own words are passed on."""
    done = holdfast("smoke", "--url", gateway.url, HOLDFAST_TOKEN__HMAC_SECRET=SECRET, HOLDFAST_API__KEYS='["another"]')

    assert done.returncode == 2
    assert "publish     failed" in done.stdout
