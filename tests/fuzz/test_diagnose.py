"""Any text as token, URL, header or cookie gets a diagnosis: within bounds, as JSON, and without what came."""

from __future__ import annotations

import asyncio
import json

import httpx
import msgspec
import structlog
from hypothesis import example, given
from hypothesis import strategies as st

from holdfast.auth.jwt import split_token
from holdfast.diagnostics.findings import Diagnosis
from holdfast.diagnostics.login import Login, log_in
from holdfast.diagnostics.token_places import Presented
from holdfast.diagnostics.token_repairs import repair
from tests.unit.diagnostics.made_tokens import NOW, make, service, settings, streamed

SERVICE = service(
    settings(
        issuer="https://app.example",
        audience="gw",
        cookie="jwt",
        channel={"namespaces": [{"name": "open", "allow_subscribe_for_client": True}]},
    )
)
MOST_BYTES = 65536
GOOD = make(iss="https://app.example", aud="gw")

_text = st.text(max_size=200)
_damage = st.sampled_from(
    ['"', "'", "Bearer ", "%2E", "\n", "=", "+", ".", "..", "{", '{"token":"', "\ud800", "\0", "\u200b", "…"]
)
_damaged = st.lists(st.tuples(st.integers(0, len(GOOD)), _damage), max_size=4).map(
    lambda changes: "".join(
        [GOOD[index] + "".join(what for at, what in changes if at == index) for index in range(len(GOOD))]
    )
)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
_claims = st.dictionaries(
    st.sampled_from(
        ["sub", "exp", "iat", "nbf", "iss", "aud", "channels", "subs", "channel", "client", "user_id", "info"]
    )
    | st.text(max_size=10),
    _json | st.sampled_from([NOW, NOW * 1000, str(NOW), 3600, "https://app.example/", "GW", ["open:a", "x:y"]]),
    max_size=8,
)


def diagnose(given: Presented, kind: str | None = None) -> Diagnosis:
    """Diagnose, and hold the answer to its bounds: JSON both ways, no longer than it may be."""
    found = asyncio.run(SERVICE.run(given, kind))  # type: ignore[arg-type]  # any text is tried
    data = msgspec.json.encode(found.as_json())
    assert len(data) < MOST_BYTES
    assert msgspec.convert(json.loads(data), Diagnosis).findings == found.findings
    assert json.dumps(found.as_json(), ensure_ascii=False).encode()
    assert all(one.remedy for one in found.findings if one.severity == "critical" and one.check not in _WITHOUT_REMEDY)
    return found


# What is only evidence for the finding that has the remedy.
_WITHOUT_REMEDY = {"structure", "claim_other", "repaired"} | {
    f"claim_{name}" for name in ("sub", "exp", "iat", "nbf", "iss", "aud", "jti", "channel", "expire_at")
}


@given(_text | _damaged)
@example("\ud800")
@example("." * 100_000)
@example('"' * 100_000)
@example("%" * 100_000)
@example("{" * 100_000)
@example("Bearer " * 10_000)
@example("eyJhbGciOiJcdWQ4MDAifQ.e30.AA")
def test_any_text_as_token(text: str) -> None:
    """A verdict for each, the same as the validator's."""
    for kind in (None, "connection", "subscription"):
        found = diagnose(Presented(token=text), kind)
        assert found.facts["answer"]["slug"]
    assert len(repair(text)[0]) <= MOST_BYTES


@given(_text, st.lists(st.tuples(_text, _text), max_size=5), _text, st.booleans())
@example("http://[", [], "", True)
@example("?" + "token=&" * 10_000, [("", "")] * 500, ";" * 100_000, False)
def test_any_text_in_any_place(url: str, headers: list[tuple[str, str]], cookies: str, is_browser: bool) -> None:
    """URLs, headers and cookies of all kinds."""
    diagnose(Presented(None, url, tuple(headers), cookies, is_browser))
    diagnose(Presented(None, f"wss://h/?token={url}#{url}", (("Authorization", url),), f"jwt={cookies}; t={url}"))


@given(_claims, _text)
def test_any_claims(claims: dict[str, object], kid: str) -> None:
    """Signed by the right key, whatever they say; the signature is never shown."""
    import jwt

    from tests.unit.diagnostics.made_tokens import SECRET

    token = jwt.api_jws.encode(json.dumps(claims).encode(), SECRET, "HS256", headers={"kid": kid})
    found = diagnose(Presented(token=token))

    assert split_token(token, 100_000).signature.decode() not in repr(found)


@given(
    st.binary(max_size=200) | _json.map(lambda value: json.dumps(value).encode()),
    st.sampled_from([200, 204, 301, 401, 500]),
)
@example(b"\xff", 200)
@example(b'{"token": "\\ud800"}', 200)
def test_any_answer_of_a_login(body: bytes, status: int) -> None:
    """A finding for each, and a token that can be diagnosed."""
    transport = httpx.MockTransport(lambda _: streamed(httpx.Response(status, content=body)))
    found = asyncio.run(log_in(Login("http://127.0.0.1/login", "u", "p"), transport=transport))

    assert found.findings
    if found.token is not None:
        diagnose(Presented(token=found.token))


def test_nothing_is_logged() -> None:
    """Neither a token nor anything else."""
    with structlog.testing.capture_logs() as lines:
        diagnose(Presented(token=GOOD))

    assert lines == []
