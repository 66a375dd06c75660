from __future__ import annotations

import json
import re
from collections import Counter

import pytest

from holdfast.codes import ALL, CLIENT_RANGE, CODES, RESERVED_RANGES, Code, is_reserved

# Centrifugo's numbers, of its close codes and errors: https://centrifugal.dev/docs/server/codes
CENTRIFUGO = {*range(3000, 3002), *range(3004, 3007), *range(3008, 3015), *range(3500, 3510)} | set(range(100, 114)) - {
    110
}
RFC_6455 = {1000, 1002, 1006, 1007, 1009}


def test_slugs_are_unique() -> None:
    """No two causes share a slug."""
    assert [slug for slug, count in Counter(code.slug for code in ALL).items() if count > 1] == []


@pytest.mark.parametrize("code", ALL, ids=lambda code: code.slug)
def test_code_is_complete(code: Code) -> None:
    """Every cause says what it means and what to do, in sentences."""
    assert re.fullmatch(r"[a-z][a-z0-9_]*", code.slug)
    assert code.meaning.endswith(".")
    assert code.remedy.endswith(".")
    assert code.runbook
    assert 200 <= code.http_status <= 599


@pytest.mark.parametrize("code", ALL, ids=lambda code: code.slug)
def test_slug_is_never_json(code: Code) -> None:
    """The JavaScript SDK parses reasons that are JSON and may stop for ever."""
    with pytest.raises(ValueError):
        json.loads(code.slug)


@pytest.mark.parametrize("code", [code for code in ALL if code.kind == "close"], ids=lambda code: code.slug)
def test_close_number_says_what_the_client_does(code: Code) -> None:
    """SDKs decide from the number alone: 3500-3999, 4500-4999 and 1009 are terminal, all others reconnect."""
    is_terminal = code.number == 1009 or 3500 <= code.number < 4000 or 4500 <= code.number < 5000

    assert is_terminal == (code.action == "stop")


@pytest.mark.parametrize("code", [code for code in ALL if code.kind == "error"], ids=lambda code: code.slug)
def test_error_number_says_what_the_client_does(code: Code) -> None:
    """109 makes SDKs fetch a token, `temporary` makes them retry, all others stop."""
    assert (code.number == 109) == (code.action == "fetch_token")
    assert code.temporary == (code.action == "retry")


def test_causes_of_the_browser_client_are_numbered_one_by_one() -> None:
    """Its numbers never travel, so each cause has one of its own."""
    numbers = [code.number for code in ALL if code.kind == "client"]

    assert len(numbers) == len(set(numbers))
    assert all(CLIENT_RANGE[0] <= number <= CLIENT_RANGE[1] for number in numbers)


@pytest.mark.parametrize("code", [code for code in ALL if code.kind != "client"], ids=lambda code: code.slug)
def test_number_is_centrifugos_or_in_our_ranges(code: Code) -> None:
    """Centrifugo's number where it has one, else one of ours."""
    ours = is_reserved(code.number)
    known = code.number in CENTRIFUGO | RFC_6455 | {400, 4000} or code.kind == "unsubscribe"

    assert ours or known


def test_is_reserved_at_the_borders() -> None:
    """Our ranges and nothing else."""
    for low, high in RESERVED_RANGES:
        assert is_reserved(low)
        assert is_reserved(high)
    assert not any(map(is_reserved, (1899, 2000, 4099, 4200, 4599, 4700, 4000, 4999)))


def test_token_causes_are_all_told_apart() -> None:
    """A missing, an empty, a malformed, a wrongly signed and an expired token are five causes."""
    causes = {"token_missing", "token_empty", "token_malformed", "token_wrong_signature", "token_expired"}

    assert causes <= set(CODES)
    for slug in causes:
        assert f"subscription_{slug}" in CODES
