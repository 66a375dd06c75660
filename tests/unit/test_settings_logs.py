from __future__ import annotations

import pytest
from pydantic import ValidationError

from holdfast.settings_logs import LogSettings


def test_defaults_are_usable() -> None:
    """Nothing has to be said."""
    assert LogSettings() == LogSettings.model_validate({})


@pytest.mark.parametrize("given", [{"level": "loud"}, {"unknown": 1}, {"keep": 0}, {"repeat_burst": 0}])
def test_nonsense_is_refused(given: dict[str, object]) -> None:
    """Before anything starts."""
    with pytest.raises(ValidationError):
        LogSettings.model_validate(given)
