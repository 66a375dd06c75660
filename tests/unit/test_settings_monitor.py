from __future__ import annotations

import pytest
from pydantic import ValidationError

from holdfast.settings_monitor import MonitorSettings


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
