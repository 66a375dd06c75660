"""Tests of holdfast.profile.render.gateway."""

import pytest
import yaml

from holdfast.profile import load, render
from holdfast.settings_load import load_settings


@pytest.mark.parametrize("name", ["production", "staging", "local"])
def test_gateway_settings_are_accepted_by_the_gateway(name):
    """What the profile says passes every check that a start makes."""
    profile = load(name)

    loaded = load_settings(None, {}, yaml.safe_load(render("gateway", profile, profile.intents.reference.facts())))

    assert loaded.admission.max_connections == profile.intents.connections_per_instance
    assert loaded.shutdown.drain_window == profile.intents.drain_window
    assert loaded.client.ping_interval < min(profile.intents.idle_limits.values())
