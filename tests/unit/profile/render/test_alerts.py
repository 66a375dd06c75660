"""Tests of holdfast.profile.render.alerts."""

import yaml

from holdfast.profile import derive, render
from holdfast.profile.render.alerts import MEANINGS


def test_alerts_say_what_each_threshold_counts(production, facts):
    """Every calculated threshold has a meaning, and every meaning a threshold."""
    found = yaml.safe_load(render("alerts", production, facts))["thresholds"]

    assert set(found) == set(MEANINGS) == set(derive(production, facts).alerts)
    assert found["HoldfastConnectionsHigh"]["above"] == 32000


def test_alerts_fire_before_the_gateway_refuses(production, facts):
    """Somebody is told while there still is room."""
    derived = derive(production, facts)

    assert derived.alerts["HoldfastConnectionsHigh"] < derived.connections_per_instance
    assert derived.alerts["HoldfastHandshakeRateHigh"] < derived.handshake_rate
    assert derived.alerts["HoldfastDrainSlow"] < derived.stop_timeout
