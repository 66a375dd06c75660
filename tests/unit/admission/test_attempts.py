"""An attempt is named by its client where that made a name, and by us where not."""

from __future__ import annotations

import re

import pytest

from holdfast.admission.attempts import attempt_id, attempt_of

CID = "0123456789abcdefABCDEF0123456789"


@pytest.mark.parametrize("query", [f"cid={CID}", f"token=x&cid={CID}&y", f"cid=&cid={CID}"])
def test_attempt_id_is_the_clients(query: str) -> None:
    """128 bits as hexadecimal digits, wherever they stand in the query; capitals are no other id."""
    assert attempt_id(query.encode()) == CID.lower()


@pytest.mark.parametrize(
    "query", ["", "cid=", f"cid={CID}0", f"cid={CID[:-1]}g", f"acid={CID}", f"x=cid={CID}", f"cid={CID}%00", "cid"]
)
def test_attempt_id_without_a_good_one_is_made(query: str) -> None:
    """Anything else is no name, and nothing to refuse a client for."""
    made = attempt_id(query.encode())

    assert re.fullmatch(r"[0-9a-f]{32}", made)
    assert made != attempt_id(query.encode())


def test_attempt_ids_are_all_different() -> None:
    """However many are made, and at whatever pace."""
    assert len({attempt_id(b"") for _ in range(5000)}) == 5000


def test_attempt_of_is_remembered() -> None:
    """Who handles a request asks as often as they like and hears one name."""
    scope: dict[str, object] = {}

    assert attempt_of(scope) == attempt_of(scope)
    assert attempt_of({"query_string": f"cid={CID}".encode()}) == CID.lower()
