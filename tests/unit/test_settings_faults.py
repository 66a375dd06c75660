"""Faults in sentences, without secrets."""

from typing import Any

import pytest

from holdfast.settings_faults import drop, show, suggest_key, unknown_variable
from holdfast.settings_schema import shape_at


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        (("port",), "x", '"x"'),
        (("port",), None, "nothing"),
        (("token", "hmac_secret"), "geheim", "a text (not shown: it may be secret)"),
        (("token", "hmac_secret"), 5, "a number (not shown: it may be secret)"),
        (("api", "keys"), ["geheim"], "a list (not shown: it may be secret)"),
        (("token",), {"hmac_secret": "geheim"}, "a group (not shown: it may be secret)"),
        (("token", "jwks", "url"), "ftp://me:geheim@host/", '"ftp://…@host/"'),
        (("client", "allowed_origins"), ["a"], '["a"]'),
    ],
)
def test_show_hides_what_may_be_secret(path: tuple[str, ...], value: object, text: str) -> None:
    """Values are shown only where no secret can be in them."""
    assert show(shape_at(path), value) == text


def test_show_without_shape_shows_nothing() -> None:
    """The value of an unknown key may be a secret under a misspelt name."""
    assert "geheim" not in show(None, "geheim")


def test_show_shortens() -> None:
    """A huge value does not drown the fault."""
    assert len(show(shape_at(("host",)), "x" * 10_000)) < 100


@pytest.mark.parametrize(
    ("loc", "near"),
    [
        (("hots",), "; did you mean host?"),
        (("client", "ping_intervall"), "; did you mean client.ping_interval?"),
        (("ping_interval",), "; did you mean client.ping_interval?"),
        (("channel", "namespaces", 0, "histroy_size"), "; did you mean channel.namespaces[0].history_size?"),
        (("qqqq",), ""),
    ],
)
def test_suggest_key_names_the_nearest(loc: tuple[int | str, ...], near: str) -> None:
    """The same group is looked at first, then the whole tree."""
    assert suggest_key(loc) == near


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("HOLDFAST_PROT", "1", "did you mean HOLDFAST_PORT?"),
        ("HOLDFAST_LOG_LEVEL", "debug", "did you mean HOLDFAST_LOG__LEVEL?"),
        ("HOLDFAST_PORT_8000_TCP", "tcp://10.0.0.1:8000", "enableServiceLinks"),
        ("HOLDFAST_SERVICE_HOST", "10.0.0.1", "enableServiceLinks"),
    ],
)
def test_unknown_variable_says_what_to_do(name: str, value: str, words: str) -> None:
    """A near name is offered, and Kubernetes' service links are recognised."""
    text = unknown_variable(name, value).text

    assert words in text
    assert text.startswith(f"{name}: no such setting")


def test_unknown_variable_keeps_its_value_to_itself() -> None:
    """A misspelt secret is not printed."""
    assert "geheim" not in unknown_variable("HOLDFAST_TOKEN__HMAC_SECERT", "geheim").text


@pytest.mark.parametrize(
    ("locs", "left"),
    [
        ([("a",)], {"b": {"c": 1, "d": [1, 2, 3]}}),
        ([("b", "c")], {"a": 0, "b": {"d": [1, 2, 3]}}),
        ([("b", "d", 0), ("b", "d", 2)], {"a": 0, "b": {"c": 1, "d": [2]}}),
        ([("b", "d", 1, "missing")], {"a": 0, "b": {"c": 1, "d": [1, 3]}}),
        ([("b", "missing")], {"a": 0}),
        ([("a", "x", "y"), ("a",)], {"b": {"c": 1, "d": [1, 2, 3]}}),
    ],
)
def test_drop_leaves_the_rest(locs: list[tuple[int | str, ...]], left: dict[str, Any]) -> None:
    """What is wrong goes, or what encloses it; everything else stays."""
    data = {"a": 0, "b": {"c": 1, "d": [1, 2, 3]}}
    drop(data, locs)

    assert data == left
