"""What the fleet tells HAProxy, and reads from it."""

from __future__ import annotations

import re
from pathlib import Path

from tests.resilience.fleet import configuration, servers_up

STATISTICS = """\
# pxname,svname,scur,status,
clients,FRONTEND,0,OPEN,
gateways,gateway-0,0,UP,
gateways,gateway-1,0,DOWN 1/2,
gateways,gateway-2,0,UP 1/2,
gateways,BACKEND,0,UP,
api,gateway-0,0,UP,

"""


def test_configuration_has_a_server_for_each_place():
    """Clients go to the public port when the internal one is ready; no name is left unreplaced."""
    text = configuration(Path("here"), (1, 2), [(3, 4), (5, 6)])

    assert "server gateway-1 127.0.0.1:5 check port 6" in text
    assert "server gateway-0 127.0.0.1:4 check\n" in text
    assert not re.findall(r"@\w+@", text)


def test_servers_up_counts_those_of_clients_that_are_sure():
    """One that is about to go down, or belongs to publishers, does not count."""
    assert servers_up(STATISTICS) == 1
