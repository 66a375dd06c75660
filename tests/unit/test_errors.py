from __future__ import annotations

import re

import pytest

from holdfast import errors
from holdfast.codes import CODES
from holdfast.errors import (
    AREAS,
    ApplicationError,
    BrokerError,
    ChannelError,
    ConfigError,
    DoorError,
    GatewayError,
    TokenError,
    error_of,
)


@pytest.mark.parametrize("slug", [slug for slug, code in CODES.items() if code.kind != "client"])
def test_slug_belongs_to_one_area(slug: str) -> None:
    """Every cause is raised by exactly one class; the browser client raises its own."""
    assert [area.__name__ for area in AREAS if slug in area.slugs] != []
    assert sum(slug in area.slugs for area in AREAS) == 1


@pytest.mark.parametrize("area", AREAS)
def test_area_has_only_known_slugs(area: type[GatewayError]) -> None:
    """No class knows a cause that the table does not."""
    assert area.slugs <= set(CODES)
    assert area.__name__.endswith("Error")


def test_docstring_draws_the_tree() -> None:
    """The tree in the module's docstring is the tree of the classes."""
    drawn = set(re.findall(r"\b\w+Error\b", errors.__doc__ or ""))

    assert drawn == {area.__name__ for area in AREAS} | {"GatewayError", "ConfigError"}


def test_gateway_error_tells_slug_and_detail() -> None:
    """The text names the cause, then what was expected and came."""
    error = TokenError("token_expired", "exp was 5 s ago", sub="anna")

    assert str(error) == "token_expired: exp was 5 s ago"
    assert str(TokenError("token_missing")) == "token_missing"
    assert error.code.number == 109
    assert error.context == {"sub": "anna"}


def test_gateway_error_refuses_a_cause_of_another_area() -> None:
    """A misplaced cause is a programming mistake and shows at once."""
    with pytest.raises(ValueError, match="TokenError knows no cause 'shutdown'"):
        TokenError("shutdown")


def test_config_error_keeps_all_faults() -> None:
    """All faults are reported together."""
    error = ConfigError(["one", "two"])

    assert error.faults == ["one", "two"]
    assert str(error) == "one\ntwo"


def test_application_error_has_what_the_backend_said() -> None:
    """Its own number and text go to the client, the slug into log and metric."""
    error = ApplicationError("application_error", 1000, "no such room", temporary=True, proxy="rpc")

    assert (error.number, error.message, error.is_temporary) == (1000, "no such room", True)
    assert error.context == {"number": 1000, "proxy": "rpc"}
    assert (TokenError("token_expired").number, TokenError("token_expired").message) == (109, "token_expired")


def test_error_of_another_instance_is_raised_again() -> None:
    """It is of its own area; a cause that only a newer instance knows, or that has more to it, keeps its name."""
    for slug, kind in (("conflict", ChannelError), ("body_too_large", DoorError), ("peer_unreachable", BrokerError)):
        assert isinstance(error_of(slug, "why"), kind)
        assert str(error_of(slug, "why")) == f"{slug}: why"
    for slug in ("invented_tomorrow", "application_error"):
        assert (error_of(slug, "why").slug, error_of(slug, "why").detail) == ("internal_error", f"{slug}: why")
