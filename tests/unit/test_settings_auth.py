from __future__ import annotations

import pytest
from pydantic import ValidationError

from holdfast.settings_auth import AuthSettings


def test_defaults_are_off() -> None:
    """A gateway has no login unless it is asked for one."""
    assert AuthSettings().enabled is False


@pytest.mark.parametrize(
    "given",
    [{"access_ttl": 1}, {"password": {"memory": 1}}, {"lockout": {"rate": 0}}, {"allowed_origins": ["app.example"]}],
)
def test_nonsense_is_refused(given: dict[str, object]) -> None:
    """Before anything starts."""
    with pytest.raises(ValidationError):
        AuthSettings.model_validate(given)
