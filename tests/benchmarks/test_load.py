import json

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.load.frames import MASK, masked, scan, split
from benchmarks.load.payloads import CHANGED_BYTES, DOCUMENT_BYTES, PUBLICATION_BYTES, compact, document, publication
from benchmarks.tokens import SECRET, connection_token


def _frame(payload, opcode=1):
    size = len(payload)
    length = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big")
    return bytes([0x80 | opcode]) + length + payload


@given(st.binary(max_size=400))
def test_masked_frame_unmasks_to_its_payload(payload):
    """The fixed mask is applied over the whole payload, at both lengths of the length."""
    frame = masked(1, payload)
    body = frame[frame.index(MASK) + 4 :]

    assert bytes(byte ^ MASK[index % 4] for index, byte in enumerate(body)) == payload


@given(st.lists(st.binary(max_size=300), max_size=6), st.data())
def test_split_leaves_incomplete_frames(payloads, data):
    """However the bytes were cut, the frames are found once and the rest is left over."""
    stream = b"".join(map(_frame, payloads))
    cut = data.draw(st.integers(0, len(stream)))

    first, used = split(stream[:cut])
    second, _ = split(stream[used:])

    assert [payload for _, payload in first + second] == payloads


@pytest.mark.parametrize(
    ("payload", "publications", "pings"),
    [
        (b"{}", 0, 1),
        (b'{"push":{"channel":"c","pub":{"data":{}}}}', 1, 0),
        (b'{"push":{"channel":"c","pub":{"data":1}}}\n{}\n{"push":{"channel":"c","pub":{"data":2}}}', 2, 1),
    ],
)
def test_scan_counts_lines(payload, publications, pings):
    """Publications and pings are counted, alone or as lines of one message."""
    found = scan(_frame(payload))

    assert (found.publications, found.pings) == (publications, pings)


def test_scan_sees_control_frames():
    """A WebSocket ping is to be answered and a close ends the measurement."""
    found = scan(_frame(b"", 9) + _frame(b"\x03\xe8", 8))

    assert (found.ws_pings, found.closed) == (1, True)


@pytest.mark.parametrize("number", [1, 10, 99_999])
def test_publication_size(number):
    """Every publication is as long as the bars say."""
    assert len(json.dumps(publication(number), separators=(",", ":"))) == PUBLICATION_BYTES


@pytest.mark.parametrize("number", [1, 25, 26, 1000])
def test_document_changes_in_one_place(number):
    """A document keeps its size, and only the bytes of one field differ from the one before."""
    before, after = compact(document(number - 1)), compact(document(number))
    changed = [index for index, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]]

    assert len(after) == DOCUMENT_BYTES
    assert 0.8 * CHANGED_BYTES <= len(changed) <= CHANGED_BYTES
    assert changed[-1] - changed[0] < CHANGED_BYTES


def test_connection_token_is_valid():
    """PyJWT reads the token that the load client made without it."""
    assert jwt.decode(connection_token("user-7"), SECRET, algorithms=["HS256"])["sub"] == "user-7"
