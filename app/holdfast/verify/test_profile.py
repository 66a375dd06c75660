"""A test for each entry of the profile on each host: `pytest --pyargs holdfast.verify --hosts=ssh://gw1,...`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from holdfast.verify.judge import Result


def test_control(holdfast_result: Result, record_property: Any) -> None:
    """The host has what the profile expects, or somebody has waived it until a day that has not passed."""
    from holdfast.verify.reports import sentence

    result = holdfast_result
    for name in ("id", "key", "status", "expected", "actual", "where", "fix", "waiver"):
        record_property(name, getattr(result, name))
    if result.status == "not_applicable":
        pytest.skip(result.actual)
    if result.status not in ("ok", "waived"):
        pytest.fail(sentence(result), pytrace=False)
