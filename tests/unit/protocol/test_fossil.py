from __future__ import annotations

import json
import time
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.protocol.fossil import checksum, create
from tests.fossil import apply_delta

# Few different bytes, so that repetitions, shifts and blocks of equal content are common.
REPETITIVE = st.text(alphabet="ab", max_size=400).map(str.encode)


def document(count: int = 32, seed: int = 1) -> dict[str, Any]:
    """Return a document of about 64 bytes an item."""
    random = Random(seed)
    items = [
        {"id": number, "name": f"item {random.randrange(10**6)}", "price": random.randrange(10**5) / 100, "ok": True}
        for number in range(count)
    ]
    return {"items": items}


def dump(value: object) -> bytes:
    """Return JSON as a backend would send it."""
    return json.dumps(value).encode()


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_create_makes_any_target_of_any_base(base: bytes, target: bytes) -> None:
    """Applied to the base, a delta gives the target, whatever the bytes are."""
    assert apply_delta(base, create(base, target)) == target


@given(REPETITIVE, REPETITIVE)
def test_create_with_repetitive_texts(base: bytes, target: bytes) -> None:
    """Texts full of equal blocks are no exception."""
    assert apply_delta(base, create(base, target)) == target


@given(st.binary(max_size=200), st.lists(st.binary(max_size=40), max_size=5), st.randoms())
def test_create_with_pieces_moved(base: bytes, inserts: list[bytes], random: Random) -> None:
    """Pieces in another order, repeated, cut and mixed with new ones, come out right."""
    pieces = [base[random.randrange(len(base) + 1) :] for _ in range(4)] + inserts
    random.shuffle(pieces)
    target = b"".join(pieces)

    assert apply_delta(base, create(base, target)) == target


@given(st.text(max_size=120), st.text(max_size=120), st.text(max_size=120))
def test_create_cuts_no_character(before: str, change: str, after: str) -> None:
    """A delta between texts in UTF-8 is UTF-8 itself, so that a JSON string can carry it."""
    shared = "abcdefghé€😀" * 3
    base = (shared + before + after + shared).encode()
    target = (shared + change + after + shared).encode()
    delta = create(base, target)

    assert apply_delta(base, delta.decode().encode()) == target


def test_create_with_characters_that_share_bytes() -> None:
    """Where only a character's last byte changed, the whole character is inserted."""
    base, target = ("x" * 40 + "é" + "y" * 40).encode(), ("x" * 40 + "è" + "y" * 40).encode()
    delta = create(base, target)

    assert "è" in delta.decode()
    assert apply_delta(base, delta) == target


def test_create_for_a_small_change_is_small() -> None:
    """A document of 2 kB in which 50 bytes change needs little more than those."""
    old = document()
    new = document()
    new["items"][7]["name"] = "n" * 50
    base, target = dump(old), dump(new)

    assert len(base) > 2000
    assert len(create(base, target)) < 80


def test_create_for_a_moved_piece_is_small() -> None:
    """What only moved is copied."""
    old, new = document(), document()
    new["items"].insert(0, new["items"].pop())

    assert len(create(dump(old), dump(new))) < 60


def test_create_for_many_changes_is_small() -> None:
    """Changes all over a large document cost about as much as each of them."""
    old, new = document(1000), document(1000)
    for item in new["items"][::10]:
        item["price"] += 1

    assert len(create(dump(old), dump(new))) < 3000


@pytest.mark.parametrize(
    ("base", "target"),
    [
        (b"a" * 65536, (b"a" * 17 + b"b") * 3640),
        ((b"a" * 16 + b"b") * 3855, (b"a" * 16 + b"bb") * 3640),
        (b"a" * 2**20, (b"a" * 300 + b"b") * 3483),
        (bytes(range(256)) * 256, bytes(reversed(range(256))) * 256),
        (Random(1).randbytes(2**19), Random(2).randbytes(2**19)),
        (b"", b"a" * 65536),
        (b"a" * 65536, b""),
    ],
    ids=["run", "period", "large run", "reversed", "strangers", "from nothing", "to nothing"],
)
def test_create_bounds_its_work(base: bytes, target: bytes) -> None:
    """No pair of texts takes long; the best of three tries leaves room for a busy machine."""
    durations = []
    for _ in range(3):
        begin = time.perf_counter()
        delta = create(base, target)
        durations.append(time.perf_counter() - begin)

    assert apply_delta(base, delta) == target
    assert min(durations) < 0.25


def test_checksum_fills_up_the_last_word() -> None:
    """Words are big-endian, the last one is filled up on the right, the sum wraps around."""
    assert checksum(b"") == 0
    assert checksum(b"\0\0\0\1\2") == 1 + 0x02000000
    assert checksum(b"\xff\xff\xff\xff\0\0\0\2") == 1


@pytest.mark.parametrize("delta", [b"", b"1\n", b"3\n3@0,0;", b"1\n1?", b"1\n9@0,0;", b"A 0;"])
def test_apply_refuses_what_is_no_delta(delta: bytes) -> None:
    """The tests' own decoder believes nothing."""
    with pytest.raises(ValueError):
        apply_delta(b"abc", delta)
