from __future__ import annotations

import pytest

from holdfast.profile import load
from holdfast.verify.controls import controls
from tests.unit.verify.rendered import HOST, facts_of


@pytest.fixture(scope="session")
def production():
    """Return the shipped profile."""
    return load("production")


@pytest.fixture(scope="session")
def all_controls(production):
    """Return what a host with every role is held against."""
    return controls(production, HOST)


@pytest.fixture
def facts(production, tmp_path):
    """Return facts of a host that has what is rendered."""
    return facts_of(production, tmp_path)


@pytest.fixture
def result_of(all_controls, facts):
    """Return what one control comes to on the facts as they are by then."""
    from holdfast.verify.judge import judge

    def find(control):
        return next(one for one in judge(all_controls, facts) if one.id == control)

    return find
