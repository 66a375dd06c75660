from __future__ import annotations

import pytest
from pydantic import ValidationError

from holdfast.settings_admin import LedgerSettings


def test_defaults_are_usable() -> None:
    """Nothing has to be said."""
    assert LedgerSettings() == LedgerSettings.model_validate({})


@pytest.mark.parametrize("given", [{"attempts": -1}, {"unknown": 1}])
def test_nonsense_is_refused(given: dict[str, object]) -> None:
    """Before anything starts."""
    with pytest.raises(ValidationError):
        LedgerSettings.model_validate(given)
