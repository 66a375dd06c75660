"""Tests of holdfast.profile.render.capacity_costs."""

import pytest

from holdfast.profile.capacity import fleet_for, pod_of
from holdfast.profile.render import capacity_costs as page
from holdfast.profile.render.alerts import MEANINGS
from holdfast.protocol.codec import JsonCodec
from holdfast.protocol.frames import OPCODE_TEXT, encode_frame
from holdfast.settings import ClientSettings


@pytest.fixture
def pod(production, facts):
    """The pod of the shipped production profile."""
    return pod_of(production, facts)


def test_ping_has_the_bytes_of_the_wire():
    """A frame of the server, and one of a client with its mask of four bytes."""
    frame = encode_frame(OPCODE_TEXT, JsonCodec().ping)

    assert (len(frame), len(frame) + 4) == (page.PING_BYTES, page.PONG_BYTES)


def test_presence_is_refreshed_as_the_setting_says():
    """The interval is the gateway's default."""
    assert ClientSettings().presence_update_interval == page.PRESENCE_SECONDS


def test_redis_names_the_masters_beyond_half_a_core(pod):
    """100,000 channels of their own take 0.7 of a core for publications, and presence on top."""
    table = page.redis(pod, (10_000, 100_000))

    assert "| 10,000 | 0.01 | 0.08 |" in table
    assert "| 100,000 | 0.06 | 0.76: 2 masters | 0.13 | 0.07 | 192 MB |" in table


def test_redis_sums_have_the_costs():
    """The formula can be calculated by hand."""
    assert "x 14 us + clients present / 27 s x 17 us" in page.redis_sums()


def test_costs_are_pods_times_prices(pod, facts):
    """Five pods of a core and 832 MiB."""
    table = page.costs(pod, [fleet_for(pod, 100_000, facts)])
    hourly = 5 * (page.CORE_PRICE + 832 / 1024 * page.GIB_PRICE)

    assert "| Cores requested | 5 |" in table
    assert f"| An hour, at the prices below | {hourly:.2f} |" in table


def test_traffic_counts_pings_both_ways(pod):
    """Every 24 s a packet out, one in and an acknowledgement; messages above them."""
    table = page.traffic(pod)

    assert "| Pings, to clients | 417 | 108 |" in table
    assert "| Pongs, from clients | 417 | 60 |" in table


def test_pings_are_shown_packet_by_packet(pod):
    """Frame, packet, and with TLS."""
    assert "| ping, to the client | 4 | 56 | 78 |" in page.pings(pod)


def test_balancer_has_two_sockets_for_a_client(pod):
    """Memory of HAProxy and of the kernel for both, and a port to the pod."""
    assert "| Memory | 5,800 + 2 x 5,018 bytes | 151 MiB |" in page.balancer(pod)


def test_alerts_have_the_thresholds_of_the_profile(pod):
    """Each is one of the profile's, with its number."""
    assert set(page.QUERIES) <= set(MEANINGS)
    assert "| `HoldfastConnectionsHigh` | 32,000 | `holdfast_connections` |" in page.alerts(pod)
