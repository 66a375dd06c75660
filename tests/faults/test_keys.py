"""What must not fail at all: a key endpoint that is down."""

from __future__ import annotations

from tests.faults.issuer import Issuer
from tests.gateway import Gateway
from tests.raw_client import RawClient
from tests.wire import eventually


def answer(gateway: Gateway, token: str) -> str:
    """Return what a connect with a token is answered: "ok", or the slug of the error."""
    with RawClient(gateway, token=token) as client:
        reply = client.connected
    return "ok" if "connect" in reply else str(reply["error"]["message"])


def test_keys_are_remembered_while_their_endpoint_is_down(start_gateway):
    """Tokens of every key that was ever fetched stay good, after fetches that failed too; a new key is unknown."""
    issuer = Issuer()
    url = issuer.start()
    try:
        gateway = start_gateway({"token": {"jwks": {"url": url, "min_interval": 1, "timeout": 0.5}}})
        assert answer(gateway, issuer.signed("first", "ada")) == "ok"
        issuer.rotate("second")
        eventually(lambda: answer(gateway, issuer.signed("second", "bob")) == "ok")
        issuer.rotate("third")
    finally:
        issuer.stop()
    before = gateway.metric("holdfast_token_validations_total", slug="ok")

    def has_tried() -> bool:
        assert answer(gateway, issuer.signed("third", "cleo")) == "token_unknown_key"
        return gateway.metric("holdfast_jwks_fetches_total", result="failed") > 0

    eventually(has_tried, 30)
    assert [answer(gateway, issuer.signed(kid, "dora")) for kid in ("first", "second")] == ["ok", "ok"]
    assert gateway.metric("holdfast_token_validations_total", slug="ok") == before + 2
    assert gateway.get("/readyz").status_code == 200
    assert gateway.wait_for_event("key_set_not_fetched")["keys"] == 2
