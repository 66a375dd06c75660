"""The settings of the broker."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from holdfast.settings_broker import BrokerSettings, RedisSettings


def test_embedded_broker_is_the_default():
    """A first run needs no Redis."""
    assert BrokerSettings().type == "memory"


@pytest.mark.parametrize("address", ["redis", "redis:0", "redis:70000", "redis://h:1", "a b:1", ":6379", "u@h:1"])
def test_address_without_host_and_port_is_refused(address: str):
    """An address is host:port, and the message says so."""
    with pytest.raises(ValidationError, match="expected host:port"):
        RedisSettings(addresses=(address,))


@pytest.mark.parametrize("address", ["redis-1:6379", "10.0.0.1:1", "[::1]:6379"])
def test_address_of_host_and_port_is_taken(address: str):
    """Names, IPv4 and IPv6 addresses are taken."""
    assert RedisSettings(addresses=(address,)).addresses == (address,)


@pytest.mark.parametrize("prefix", ["", "a{b}", "a b", "a*"])
def test_prefix_that_changes_keys_is_refused(prefix: str):
    """Braces would change the slot of a key, and patterns what an ACL allows."""
    with pytest.raises(ValidationError):
        RedisSettings(prefix=prefix)
