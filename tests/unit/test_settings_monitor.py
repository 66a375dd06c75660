from __future__ import annotations

import base64

import pytest
from pydantic import ValidationError

from holdfast.settings_monitor import MonitorSettings, WebhookSettings, webhook_key


def test_defaults_are_usable() -> None:
    """Nothing has to be said."""
    assert MonitorSettings() == MonitorSettings.model_validate({})


def test_part_of_a_group_leaves_the_rest_as_it_was() -> None:
    """Whoever wants to be warned of descriptors earlier has not changed when they are critical."""
    given = MonitorSettings.model_validate({"descriptors": {"warning": 0.5}, "cpu": {"warning": 0.5}})

    assert (given.descriptors.critical, given.descriptors.lasting) == (0.95, 0.0)
    assert (given.cpu.critical, given.cpu.lasting) == (0.97, 10.0)


@pytest.mark.parametrize(
    "given",
    [
        {"interval": 0},
        {"unknown": 1},
        {"memory": {"warning": 0}},
        {"loop_lag": {"lasting": "500ms"}},
        {"hysteresis": 1},
    ],
)
def test_nonsense_is_refused(given: dict[str, object]) -> None:
    """Before anything starts."""
    with pytest.raises(ValidationError):
        MonitorSettings.model_validate(given)


SECRET = "whsec_" + base64.b64encode(bytes(24)).decode()


@pytest.mark.parametrize("length", [24, 64])
def test_webhook_key_is_behind_the_prefix(length: int) -> None:
    """As the specification writes secrets."""
    assert webhook_key("whsec_" + base64.b64encode(bytes(length)).decode()) == bytes(length)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        base64.b64encode(bytes(32)).decode(),
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        "whsec_" + base64.b64encode(bytes(65)).decode(),
        "whsec_not base64 at all, however long it may be",
        "whsec_ünïcode",
    ],
)
def test_bad_webhook_secret_is_refused_without_being_shown(secret: str) -> None:
    """Too short a key is no protection."""
    with pytest.raises(ValidationError) as refused:
        WebhookSettings.model_validate({"url": "https://a.example", "secret": secret})

    (error,) = refused.value.errors()
    assert error["msg"] == "Value error, expected whsec_ and then 24 to 64 random bytes in base64"


@pytest.mark.parametrize("url", ["", "ftp://a.example", "https://user:pass@a.example/", "nowhere"])
def test_webhook_needs_a_plain_address(url: str) -> None:
    """Without credentials, which nobody would send."""
    with pytest.raises(ValidationError):
        WebhookSettings.model_validate({"url": url, "secret": SECRET})


def test_webhook_chooses_events_by_name() -> None:
    """A misspelt one is a fault, not silence."""
    assert WebhookSettings.model_validate({"url": "https://a.example", "secret": SECRET}).events == ()
    with pytest.raises(ValidationError):
        WebhookSettings.model_validate({"url": "https://a.example", "secret": SECRET, "events": ["resource.lvl"]})
