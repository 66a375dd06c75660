"""Tests of holdfast.profile.variables."""

import json

from holdfast.profile import ansible_vars


def test_ansible_vars_are_plain_data(production):
    """What a filter hands over survives JSON unchanged."""
    given = ansible_vars(production, production.intents.reference.facts("gateway", "load_balancer", "redis"))

    assert json.loads(json.dumps(given)) == given
    assert given["derived"]["tcp_mem"] == [251658, 377487, 629145]
    assert given["sysctl"]["net.core.somaxconn"]["value"] == 16384
    assert "LimitNOFILE=84992" in given["renders"]["unit"]
