"""The settings tree itself: sound defaults, frozen, silent about secrets."""

import json

import pytest
from pydantic import ValidationError

from holdfast.settings import ApiSettings, Settings, TokenSettings
from holdfast.settings_schema import leaves


def test_defaults_pass_their_own_checks() -> None:
    """Every default is a value the tree itself would take."""
    data = Settings().model_dump(mode="json")

    assert Settings.model_validate_json(json.dumps(data), strict=True) == Settings()


def test_settings_are_frozen() -> None:
    """Nothing can be changed after loading."""
    with pytest.raises(ValidationError):
        Settings().port = 1  # type: ignore[misc]  # the point of the test


def test_settings_never_print_secrets() -> None:
    """Neither repr, str nor JSON of a tree shows a secret."""
    settings = Settings(token=TokenSettings(hmac_secret="geheim"), api=ApiSettings(keys=("geheim",)))

    assert "geheim" not in f"{settings!r} {settings} {settings.model_dump_json()} {settings.model_dump()}"


@pytest.mark.parametrize("leaf", list(leaves()), ids=lambda leaf: leaf.key)
def test_setting_has_a_help_text(leaf) -> None:
    """Every setting explains itself in a sentence."""
    assert leaf.help.endswith(".")
