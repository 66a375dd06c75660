import pytest
from pydantic import ValidationError

from holdfast.settings_rebalance import RebalanceSettings


def test_defaults_only_advise():
    """Nobody is sent away unless somebody asks for it."""
    assert RebalanceSettings().mode == "advise"


@pytest.mark.parametrize("wrong", [{"mode": "on"}, {"tolerance": 0}, {"rate": 0}, {"settle": 0}, {"least": 0}])
def test_what_cannot_work_is_refused(wrong):
    """Without a tolerance, a rate or a rest instances would never come to an end."""
    with pytest.raises(ValidationError):
        RebalanceSettings(**wrong)
