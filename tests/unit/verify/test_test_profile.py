from __future__ import annotations

import pytest

from holdfast.verify.judge import Result
from holdfast.verify.test_profile import test_control as control_test

RESULT = Result("hf-a-001", "a", "sysctl", "ok", "1", "2", "the running kernel", "sysctl -w a=1")


def with_status(status):
    """Return a result with this status."""
    return Result(RESULT.id, RESULT.key, RESULT.kind, status, "1", "2", RESULT.where, RESULT.fix)


@pytest.mark.parametrize("status", ["ok", "waived"])
def test_result_that_is_fine_passes_with_its_properties(status):
    """JUnit carries id, key, expected, actual, where and fix."""
    properties = {}

    control_test(with_status(status), properties.__setitem__)

    assert properties["id"] == "hf-a-001"
    assert properties["fix"] == "sysctl -w a=1"


@pytest.mark.parametrize(("status", "said"), [("drift", "sysctl -w a=1"), ("expired", "saw 2"),
                                              ("unknown", "could not check")])  # fmt: skip
def test_result_that_is_not_fails_with_its_sentence(status, said):
    """Drift, drift whose waiver has ended, and what could not be checked."""
    with pytest.raises(pytest.fail.Exception, match=said):
        control_test(with_status(status), {}.__setitem__)


def test_result_that_does_not_apply_is_skipped():
    """With the reason."""
    with pytest.raises(pytest.skip.Exception, match="2"):
        control_test(with_status("not_applicable"), {}.__setitem__)
