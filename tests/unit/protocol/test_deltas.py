from __future__ import annotations

import json

import pytest
from msgspec import Raw

from holdfast.protocol import deltas
from holdfast.protocol.codec import JSON, Codec
from holdfast.protocol.deltas import Delta, chain, changed, whole
from holdfast.protocol.messages import ClientInfo, Publication
from holdfast.protocol.protobuf import PROTOBUF
from tests.fossil import apply_delta

OLD = b'{"text":"' + b"x" * 60 + b'","n":1}'
NEW = b'{"text":"' + b"x" * 60 + b'","n":"\xc3\xa9"}'


def publication(data: bytes = NEW, offset: int = 7) -> Publication:
    """Return a publication with everything."""
    return Publication(Raw(data), ClientInfo("anna"), offset, {"a": "b"})


def test_whole_in_json_is_a_string() -> None:
    """A subscription with deltas gets all of its data as text in a JSON string; the rest stays."""
    wire = whole(publication(), JSON)

    assert json.loads(bytes(wire.data)).encode() == NEW
    assert (wire.info, wire.offset, wire.tags, wire.delta) == (ClientInfo("anna"), 7, {"a": "b"}, False)


def test_whole_in_binary_is_as_published() -> None:
    """A codec that carries bytes carries the very bytes."""
    assert bytes(whole(publication(), PROTOBUF).data) == NEW


def test_whole_replaces_what_json_cannot_carry() -> None:
    """Bytes that are no text do not break the frame."""
    assert json.loads(bytes(whole(publication(b"\xff1"), JSON).data)) == "\ufffd1"


def test_changed_carries_the_delta() -> None:
    """The same delta travels as a string or as bytes."""
    delta = Delta(OLD, NEW)
    in_json, in_binary = changed(publication(), delta, JSON), changed(publication(), delta, PROTOBUF)

    assert in_json.delta
    assert in_binary.delta
    assert json.loads(bytes(in_json.data)).encode() == bytes(in_binary.data) == delta.patch
    assert apply_delta(OLD, bytes(in_binary.data)) == NEW


@pytest.mark.parametrize("codec", [JSON, PROTOBUF])
def test_changed_without_gain_is_whole(codec: Codec) -> None:
    """A delta that is not shorter than the data is not used."""
    assert changed(publication(), Delta(b"something else", NEW), codec) == whole(publication(), codec)


@pytest.mark.parametrize(("base", "data"), [(b"\xff" + OLD, NEW), (OLD, NEW + b"\xff")])
def test_changed_of_other_bytes_than_text_is_whole_in_json(base: bytes, data: bytes) -> None:
    """What a JSON client cannot have got byte by byte is no base for it, and no delta; other codecs do not mind."""
    delta = Delta(base, data)

    assert not changed(publication(data), delta, JSON).delta
    assert changed(publication(data), delta, PROTOBUF).delta


def test_chain_builds_on_what_came_before() -> None:
    """In a row the first is whole and each other is against the one before."""
    wire = chain([publication(OLD, 1), publication(NEW, 2), publication(OLD, 3)], JSON)

    assert [one.delta for one in wire] == [False, True, True]
    second = apply_delta(OLD, json.loads(bytes(wire[1].data)).encode())
    assert second == NEW
    assert apply_delta(second, json.loads(bytes(wire[2].data)).encode()) == OLD


def test_chain_bounds_its_work() -> None:
    """Of a long row the end comes whole; what is too large to be remembered is compared all the same."""
    short = chain([publication(OLD, number) for number in range(3000)], JSON)
    large = [bytes([48 + number]) + b"x" * 30000 for number in range(8)]
    wire = chain([publication(data) for data in large], PROTOBUF)

    assert [one.delta for one in short[:3]] == [False, True, True]
    assert not short[-1].delta
    assert [one.delta for one in wire] == [False, True, True, True, False, False, False, False]
    assert apply_delta(large[2], bytes(wire[3].data)) == large[3]


def test_chain_of_nothing_is_empty() -> None:
    """Nothing recovered is nothing to send."""
    assert chain([], JSON) == []


@pytest.mark.parametrize("size", [1000, 50_000])
def test_chain_compares_the_same_publications_once(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who recovers the same again and again costs no comparison each time, however long the publications are."""
    publications = [publication(b"%d:%d " % (size, number) + b"x" * size, number) for number in (1, 2)]
    first = chain(publications, JSON)
    monkeypatch.setattr(deltas, "create", None)

    assert chain(publications, JSON) == first
    assert first[1].delta
