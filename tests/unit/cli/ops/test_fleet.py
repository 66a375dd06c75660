"""The instances a script works on."""

from __future__ import annotations

import pytest

from holdfast.cli.failure import CliError
from holdfast.cli.ops.fleet import make_fleet


def test_how_each_is(played):
    """Down, drained, not ready, or another than the file says: each in words, none of it raises."""
    played[1].is_up = False
    played[2].state = "drained"
    played[3].is_ready = False
    fleet = make_fleet(played.file, "", "", None)
    seen = fleet.look()
    assert (seen["gateway-1"].state, seen["gateway-2"].problem) == ("down", "it is drained")
    assert seen["gateway-3"].problem.startswith("it is not ready")

    played[3].name = "other"
    assert "is the instance 'other'" in fleet.look()["gateway-3"].problem


def test_any_that_answers(played):
    """Is asked for what all know; where none does, the last one's error says why."""
    played[1].is_up = False
    fleet = make_fleet(played.file, "", "", None)
    assert fleet.any().name == "gateway-2"
    assert set(fleet.nodes()) == {"gateway-2", "gateway-3"}

    for one in played.instances.values():
        one.is_up = False
    with pytest.raises(CliError, match="no gateway answered"):
        fleet.any()


def test_token_file_that_is_missing(played):
    """Is said by its name."""
    (played.folder / "token").unlink()
    with pytest.raises(CliError, match="admin_token_file"):
        make_fleet(played.file, "", "", None)


def test_unknown_member(played):
    """The known ones are listed."""
    with pytest.raises(CliError, match="known are: gateway-1, gateway-2, gateway-3"):
        make_fleet(played.file, "", "", None).member("x")
