"""Tests of holdfast.diagnostics.token_repairs."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from holdfast.diagnostics.token_repairs import repair

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI_In0.c2ln-bmF0dXJl"


@pytest.mark.parametrize(
    ("text", "check"),
    [
        (f'"{TOKEN}"', "mistake_quotes"),
        (f"'{TOKEN}'", "mistake_quotes"),
        (f"\u201c{TOKEN}\u201d", "mistake_quotes"),
        (f"{TOKEN},", "mistake_quotes"),
        (f"Bearer {TOKEN}", "mistake_prefix"),
        (f"bearer  {TOKEN}", "mistake_prefix"),
        (f"Authorization: Bearer {TOKEN}", "mistake_prefix"),
        (f"token={TOKEN}", "mistake_prefix"),
        (quote(TOKEN + " ").replace(".", "%2E"), "mistake_url_encoded"),
        (f"{TOKEN}\n", "mistake_line_breaks"),
        (f"{TOKEN[:30]}\r\n {TOKEN[30:]}", "mistake_line_breaks"),
        (f"\ufeff{TOKEN}", "mistake_line_breaks"),
        (TOKEN.replace("-", "+").replace("_", "/"), "mistake_base64"),
        (TOKEN.replace(".", "=.", 1) + "==", "mistake_base64"),
        (json.dumps({"token": TOKEN, "expires_in": 60}), "mistake_whole_answer"),
        (json.dumps({"access_token": TOKEN}), "mistake_whole_answer"),
    ],
)
def test_repair_undoes_a_mistake_and_names_it(text: str, check: str) -> None:
    """What happened is told, and the token is as it was issued."""
    token, found = repair(text)

    assert token == TOKEN
    assert check in [one.check for one in found]
    assert all(one.remedy for one in found)


@pytest.mark.parametrize(
    "text", [f'"Bearer {TOKEN}"', f'Bearer "{TOKEN}"\n', quote(f'"{TOKEN}"'), f'token: "{TOKEN}",']
)
def test_repair_undoes_several_at_once(text: str) -> None:
    """People make mistakes in layers."""
    token, found = repair(text)

    assert token == TOKEN
    assert len(found) >= 2


@pytest.mark.parametrize("text", ["", TOKEN, "rubbish", "a.b.c", "{", '{"token":7}'])
def test_repair_leaves_alone_what_is_not_damaged(text: str) -> None:
    """No mistake is invented."""
    token, found = repair(text)

    assert (token, found) == (text, ())


def test_repair_is_bounded() -> None:
    """Megabytes of anything end soon."""
    token, found = repair('"' * 10_000_000)

    assert (token, len(found)) == ("", 1)
    assert len(repair(base64.b64encode(b"x" * 1_000_000).decode())[0]) <= 65536
