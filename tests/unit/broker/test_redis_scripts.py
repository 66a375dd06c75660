from __future__ import annotations

import pytest

from holdfast.broker import redis_scripts
from holdfast.broker.redis_link import Script

SCRIPTS = [one for one in vars(redis_scripts).values() if isinstance(one, Script)]


@pytest.mark.parametrize("script", SCRIPTS)
def test_script_is_refused_as_a_whole(script: Script):
    """Redis looks before it begins whether it may write, because the script says that it does."""
    assert script.source.startswith(b"#!lua\n")
    assert b"no-writes" not in script.source


def test_scripts_have_names_of_their_own():
    """Each is known by what is in it."""
    assert len({one.sha for one in SCRIPTS}) == len(SCRIPTS) == 5
    assert all(len(one.sha) == 40 for one in SCRIPTS)
