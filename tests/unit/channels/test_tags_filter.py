from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.channels.tags_filter import LONGEST_TEXT, MOST_DEPTH, MOST_NODES, MOST_VALUES, TagsFilter
from holdfast.errors import ChannelError
from holdfast.protocol.commands import FilterNode
from holdfast.protocol.messages import Publication

LEAF = {"key": "a", "cmp": "eq", "val": "1"}


def made(tree: dict[str, Any]) -> TagsFilter:
    """Return the filter of a tree as it comes from a client."""
    return TagsFilter(msgspec.json.decode(json.dumps(tree), type=FilterNode))


@pytest.mark.parametrize(
    ("cmp", "given", "matching", "others"),
    [
        ("eq", {"val": "x"}, ["x"], ["", "xx", None]),
        ("neq", {"val": "x"}, ["", "xx", None], ["x"]),
        ("in", {"vals": ["x", "y"]}, ["x", "y"], ["", "z", None]),
        ("in", {"vals": ["x", ""]}, ["x", "", None], ["y"]),
        ("nin", {"vals": ["x", "y"]}, ["", "z", None], ["x", "y"]),
        ("nin", {"vals": ["x", ""]}, ["y"], ["x", "", None]),
        ("ex", {}, ["", "x"], [None]),
        ("nex", {}, [None], ["", "x"]),
        ("sw", {"val": "ab"}, ["ab", "abc"], ["a", "cab", "", None]),
        ("ew", {"val": "ab"}, ["ab", "cab"], ["b", "abc", "", None]),
        ("ct", {"val": "ab"}, ["ab", "cabc"], ["a b", "", None]),
        ("gt", {"val": "10"}, ["11", "10.5", "+100", "10.0000000000000000001"], ["10", "9", "-11", "x", "", None]),
        ("gte", {"val": "10.50"}, ["10.5", "11"], ["10.49", "1e9", None]),
        ("lt", {"val": "-1"}, ["-2", "-1.1"], ["-1", "0", ".5", "5.", "１", None]),
        ("lte", {"val": "007"}, ["7", "6.99"], ["8", "7.00000000000000000001", "1" * 201, None]),
        ("gt", {"val": "ten"}, [], ["11", "x", None]),
    ],
)
def test_leaf_compares_one_tag(cmp: str, given: dict[str, Any], matching: list[str], others: list[str | None]) -> None:
    """Each comparison means what it means in Centrifugo, a missing tag (None here) included."""
    judge = made({"key": "k", "cmp": cmp, **given})

    for value in [*matching, *others]:
        tags = {"other": "1"} if value is None else {"k": value}
        assert judge.matches(tags) is (value in matching), value


def test_operations_combine() -> None:
    """`and`, `or` and `not` nest."""
    either = {"op": "or", "nodes": [LEAF, {"key": "b", "cmp": "ex"}]}
    judge = made({"op": "and", "nodes": [either, {"op": "not", "nodes": [{"key": "c", "cmp": "ex"}]}]})

    assert judge.matches({"a": "1"})
    assert judge.matches({"a": "2", "b": ""})
    assert not judge.matches({"a": "2"})
    assert not judge.matches({"a": "1", "c": ""})


def test_accepts_publications_without_tags() -> None:
    """A publication without tags is judged as one with none of them."""
    assert not made(LEAF).accepts(Publication())
    assert made(LEAF).accepts(Publication(tags={"a": "1"}))
    assert made({"op": "not", "nodes": [LEAF]}).accepts(Publication())


def test_key_is_that_of_equal_trees() -> None:
    """Trees that say the same in the same order have one key, others have other keys."""
    assert made(LEAF).key == made({"val": "1", "cmp": "eq", "key": "a", "op": "", "vals": []}).key
    assert made(LEAF).key != made({**LEAF, "val": "2"}).key


@pytest.mark.parametrize(
    ("tree", "detail"),
    [
        ({}, "tf: expected a key"),
        ({"key": "a"}, "tf: expected a cmp of eq, neq"),
        ({"key": "a", "cmp": "like", "val": "x"}, "came 'like'"),
        ({"cmp": "eq", "val": "x"}, "expected a key"),
        ({"key": "a", "cmp": "eq"}, "eq takes a val"),
        ({"key": "a", "cmp": "gt", "val": "1", "vals": ["2"]}, "gt takes a val"),
        ({"key": "a", "cmp": "in"}, "in takes vals"),
        ({"key": "a", "cmp": "nin", "val": "x", "vals": ["y"]}, "nin takes vals"),
        ({"key": "a", "cmp": "ex", "val": "x"}, "ex takes no val"),
        ({"op": "xor", "nodes": [LEAF]}, "expected an op of and, or, not"),
        ({"op": "and"}, "and takes nodes, came 0"),
        ({"op": "not", "nodes": [LEAF, LEAF]}, "not takes one node, came 2"),
        ({"op": "or", "nodes": [LEAF, {"op": "and", "nodes": [LEAF, {"key": "a"}]}]}, "tf.nodes[1].nodes[1]: "),
        ({"op": "or", "nodes": [LEAF] * MOST_NODES}, "at most"),
        ({"key": "a", "cmp": "in", "vals": ["x"] * (MOST_VALUES + 1)}, "at most"),
        ({**LEAF, "val": "x" * (LONGEST_TEXT + 1)}, "texts of at most"),
        ({"key": "a", "cmp": "in", "vals": ["x", "x" * (LONGEST_TEXT + 1)]}, "texts of at most"),
    ],
)
def test_filter_refuses_what_is_not_well_formed(tree: dict[str, Any], detail: str) -> None:
    """The refusal names the node and what was expected there."""
    with pytest.raises(ChannelError) as caught:
        made(tree)

    assert caught.value.slug == "tags_filter_invalid"
    assert detail in caught.value.detail


def test_filter_bounds_its_depth() -> None:
    """A tree may be as deep as the limit and no deeper."""
    tree: dict[str, Any] = LEAF
    for _ in range(MOST_DEPTH - 1):
        tree = {"op": "not", "nodes": [tree]}
    assert made(tree).matches({}) is (MOST_DEPTH % 2 == 0)

    with pytest.raises(ChannelError, match="tags_filter_invalid"):
        made({"op": "not", "nodes": [tree]})


NODES = st.recursive(
    st.builds(
        FilterNode,
        key=st.sampled_from(["", "a", "b"]),
        cmp=st.sampled_from(["", "eq", "neq", "in", "nin", "ex", "nex", "sw", "ew", "ct", "gt", "gte", "lt", "lte"]),
        val=st.sampled_from(["", "1", "x"]),
        vals=st.lists(st.sampled_from(["", "1", "x"]), max_size=2),
    ),
    lambda nodes: st.builds(
        FilterNode, op=st.sampled_from(["and", "or", "not", "?"]), nodes=st.lists(nodes, max_size=3)
    ),
    max_leaves=8,
)


@given(NODES, st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["", "1", "x"])))
def test_filter_judges_or_refuses(node: FilterNode, tags: dict[str, str]) -> None:
    """Any tree is either refused by name or answers true or false."""
    answer: object = None
    try:
        answer = TagsFilter(node).matches(tags)
    except ChannelError as error:
        answer = error.slug

    assert answer in (True, False, "tags_filter_invalid")
