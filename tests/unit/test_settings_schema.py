"""The tree as data: shapes, keys, variables."""

import pytest

from holdfast.settings_schema import dotted, leaves, path_of, shape_at, variable_of


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("port",), "a whole number of at least 0 and at most 65535"),
        (("internal_port",), "a whole number of at least 0 and at most 65535, or null"),
        (("client", "ping_interval"), "a duration of at least 1"),
        (("client", "pong_timeout"), "a duration above 0"),
        (("client", "allow_anonymous"), "true or false"),
        (("client", "allowed_origins"), "a list, each item a text"),
        (("client", "command_rate"), "a number of at least 0"),
        (("log", "level"), "one of debug, info, warning, error"),
        (("api", "error_mode"), "one of '', transport"),
        (("tls", "cert_file"), "a file path, or null"),
        (("token", "hmac_secret"), "a secret text"),
        (("channel", "user_boundary"), "a text not empty"),
        (("channel", "namespaces", 3, "name"), "a text matching ^[-a-zA-Z0-9_.]{2,}$"),
        (("client",), "a group of settings"),
        (("rpc", "proxy", "http", "static_headers"), "a map of names, each to a secret text"),
    ],
)
def test_shape_describes_itself(path: tuple[int | str, ...], expected: str) -> None:
    """A few words say kind, range and choices."""
    shape = shape_at(path)

    assert shape is not None
    assert shape.describe() == expected


def test_shape_gives_examples_of_durations_on_request() -> None:
    """Faults show how a duration is written."""
    shape = shape_at(("client", "ping_interval"))

    assert shape is not None
    assert "1h30m" in shape.describe(with_examples=True)


@pytest.mark.parametrize("path", [("nothing",), ("client", "nothing"), ("client", 0), ("port", "x"), ("nothing", "x")])
def test_shape_at_unknown_path_is_none(path: tuple[int | str, ...]) -> None:
    """Where the tree has nothing, there is no shape."""
    assert shape_at(path) is None


@pytest.mark.parametrize(
    ("path", "holds"),
    [
        (("token", "hmac_secret"), True),
        (("token", "previous_keys"), True),
        (("token", "subscription"), True),
        (("token",), True),
        (("api", "keys"), True),
        (("api", "keys", 0), True),
        (("client", "allowed_origins"), False),
        (("client",), True),
        (("client", "proxy", "connect", "http", "static_headers"), True),
        (("client", "proxy", "connect", "http", "static_headers", "x-key"), True),
        (("shutdown",), False),
    ],
)
def test_holds_secret_looks_inside(path: tuple[int | str, ...], holds: bool) -> None:
    """Lists and groups with a secret anywhere in them count as secret."""
    shape = shape_at(path)

    assert shape is not None
    assert shape.holds_secret is holds


def test_leaves_have_distinct_names_that_lead_back() -> None:
    """Keys and variables are unique, and each variable spells its key."""
    found = list(leaves())

    assert len({leaf.key for leaf in found}) == len({leaf.variable for leaf in found}) == len(found) > 80
    assert all(".".join(path_of(leaf.variable)) == leaf.key for leaf in found)
    assert variable_of(("client", "ping_interval")) == "HOLDFAST_CLIENT__PING_INTERVAL"


def test_dotted_writes_positions_in_brackets() -> None:
    """List positions are told from names."""
    assert dotted(("channel", "namespaces", 0, "name")) == "channel.namespaces[0].name"
