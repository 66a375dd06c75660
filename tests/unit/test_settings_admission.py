from __future__ import annotations

import pytest
from pydantic import ValidationError

from holdfast.settings_admission import AdmissionSettings


def test_defaults_are_usable() -> None:
    """Nothing has to be said."""
    assert AdmissionSettings() == AdmissionSettings.model_validate({})


@pytest.mark.parametrize(
    "given",
    [{"max_connections": 0}, {"unknown": 1}, {"rate": -1}, {"burst": 0}, {"ramp_share": 0}, {"breaker_ratio": 2}],
)
def test_nonsense_is_refused(given: dict[str, object]) -> None:
    """Before anything starts."""
    with pytest.raises(ValidationError):
        AdmissionSettings.model_validate(given)
