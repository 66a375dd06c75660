"""Numbers and texts that applications may give to clients."""

import pytest

from holdfast.codes_application import close_fault, error_fault


@pytest.mark.parametrize("code", [4000, 4099, 4200, 4599, 4700, 4999, 3503, 3000])
def test_close_of_the_application_passes(code: int) -> None:
    """Its own numbers, and those that Centrifugo and the gateway close with."""
    assert close_fault(code, "bye") is None


@pytest.mark.parametrize("code", [0, 1000, 2999, 3999, 4100, 4199, 4600, 4699, 5000, 2**32 - 1])
def test_close_with_a_number_that_means_something_else_is_refused(code: int) -> None:
    """The fault names what came."""
    assert f"came {code}" in str(close_fault(code, ""))


@pytest.mark.parametrize("reason", ['{"a": 1}', "null", "12", '"text"', "NaN"])
def test_close_with_a_json_reason_is_refused(reason: str) -> None:
    """The JavaScript SDK would read it as advice of the server."""
    assert "came JSON" in str(close_fault(4000, reason))


def test_close_with_a_long_reason_is_refused() -> None:
    """A close frame has room for 123 bytes."""
    assert close_fault(4000, "é" * 61) is None
    assert "came 124" in str(close_fault(4000, "é" * 62))


@pytest.mark.parametrize("code", [1, 103, 400, 1899, 2000])
def test_error_of_the_application_passes(code: int) -> None:
    """Its own numbers and Centrifugo's."""
    assert error_fault(code) is None


@pytest.mark.parametrize("code", [0, 1900, 1999])
def test_error_with_a_number_of_ours_is_refused(code: int) -> None:
    """They already mean something."""
    assert f"came {code}" in str(error_fault(code))
