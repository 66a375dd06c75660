from __future__ import annotations

import pytest
from pydantic import ValidationError

from holdfast.settings_sockets import SocketSettings


def test_defaults_are_those_of_the_profile() -> None:
    """Nothing has to be said for what a production host should have."""
    one = SocketSettings()

    assert (one.keepalive_idle, one.keepalive_interval, one.keepalive_probes) == (300, 10, 5)
    assert (one.user_timeout, one.notsent_lowat, one.congestion) == (30, 131072, "")


@pytest.mark.parametrize(
    "wrong",
    [
        {"keepalive_idle": 32768},
        {"keepalive_interval": 0},
        {"keepalive_probes": 0},
        {"user_timeout": -1},
        {"notsent_lowat": 1 << 31},
        {"congestion": "bbr; reboot"},
        {"congestion": "a" * 16},
        {"nodelay": False},
    ],
)
def test_what_no_kernel_takes_is_refused(wrong: dict[str, object]) -> None:
    """Before anything starts, not by the kernel."""
    with pytest.raises(ValidationError):
        SocketSettings.model_validate(wrong)
