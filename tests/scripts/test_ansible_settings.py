"""Settings of the profile, of the role and of the user, one over the other; and names of what is rolled."""

from __future__ import annotations

import pytest
import yaml

from tests.scripts.collection import plugin

settings = plugin("filter.settings")


def test_later_settings_win_within_their_group() -> None:
    """Groups are merged, values and lists are replaced."""
    text = settings.settings_text(
        "shutdown: {drain_window: 20, timeout: 5}", [{"shutdown": {"drain_window": 4}}, {"a": [1]}]
    )

    assert yaml.safe_load(text) == {"shutdown": {"drain_window": 4, "timeout": 5}, "a": [1]}


def test_numbers_and_truths_keep_their_kind() -> None:
    """A true is not written as a 1."""
    assert yaml.safe_load(settings.settings_text("", [{"a": True, "b": 1, "c": 1.5, "d": None}])) == {
        "a": True, "b": 1, "c": 1.5, "d": None,
    }  # fmt: skip


def test_settings_that_are_no_group_are_refused() -> None:
    """A text instead of names says what was expected."""
    with pytest.raises(Exception, match="expected settings as nested names"):
        settings.settings_text("", ["shutdown"])


def test_name_changes_with_the_wheel_the_lock_and_its_hash() -> None:
    """Two installations with one name have the same content."""
    wheel = "/srv/holdfast-1.2.0-py3-none-any.whl"
    names = {settings.version_name(wheel, "", *parts) for parts in (("a", "lock"), ("b", "lock"), ("a", "other"))}

    assert len(names) == 3
    assert all(name.startswith("1.2.0-") for name in names)


def test_neither_wheel_nor_version_is_refused() -> None:
    """There is nothing to install, and that is said."""
    with pytest.raises(Exception, match="came neither"):
        settings.version_name("", "", "")


def test_three_hosts_of_redis_mean_sentinel() -> None:
    """One is asked itself, of three all sentinels are."""
    assert settings.redis_settings(["h1"], [], False)["broker"]["redis"] == {"addresses": ["h1:6379"]}
    found = settings.redis_settings(["h1", "h2", "h3"], [], True)["broker"]["redis"]

    assert (found["mode"], found["addresses"][2], found["user"]) == ("sentinel", "h3:26379", "holdfast")


def test_servers_are_both_slots_of_each_instance() -> None:
    """A deploy needs no other configuration of HAProxy."""
    hosts = [{"inventory_hostname_short": "gw1", "holdfast_address": "10.0.0.1"}]
    servers = settings.gateway_servers(hosts, 2, 8000, 1000)

    assert [(server["name"], server["port"], server["internal_port"]) for server in servers] == [
        ("gw1-1a", 8000, 9000), ("gw1-1b", 8001, 9001), ("gw1-2a", 8010, 9010), ("gw1-2b", 8011, 9011),
    ]  # fmt: skip


def test_lines_of_redis_are_read_by_name() -> None:
    """Comments and quotes are left out."""
    assert settings.redis_lines('# why\n\nmaxclients 10\nsave ""\n') == {"maxclients": "10", "save": ""}


def test_addresses_of_ipv6_are_written_as_urls_have_them() -> None:
    """With brackets before a port, and as a network of one."""
    assert settings.authority("fd00::21", 9000) == "[fd00::21]:9000"
    assert settings.authority("10.0.0.1", 80) == "10.0.0.1:80"
    assert settings.networks(["10.0.0.1", "fd00::21"]) == ["10.0.0.1/32", "fd00::21/128"]
    assert settings.redis_settings(["fd00::31"], [], False)["broker"]["redis"]["addresses"] == ["[fd00::31]:6379"]


@pytest.mark.parametrize(
    ("facts", "address"),
    [
        ({"default_ipv4": {"address": "10.0.0.1"}, "default_ipv6": {"address": "fd00::1"}}, "10.0.0.1"),
        ({"default_ipv4": {}, "all_ipv4_addresses": ["10.0.0.2"], "default_ipv6": {"address": "fd00::1"}}, "10.0.0.2"),
        ({"default_ipv4": {}, "default_ipv6": {"address": "fd00::1"}}, "fd00::1"),
        ({"all_ipv6_addresses": ["fe80::1", "fd00::2"]}, "fd00::2"),
        ({}, "127.0.0.1"),
    ],
)
def test_host_is_known_by_the_address_that_others_reach(facts, address) -> None:
    """That of its way out first; IPv6 where it has nothing else, and never one of the link alone."""
    assert settings.host_address(facts) == address


@pytest.mark.parametrize(
    ("bind", "address"),
    [
        ("*:80", "lb1:80"), (":8080", "lb1:8080"), ("10.0.0.5:9100", "10.0.0.5:9100"),
        ("ipv4@10.0.0.5:80", "10.0.0.5:80"), ("[::]:443", "lb1:443"), ("[fd00::1]:443", "[fd00::1]:443"),
        ("*:80,*:81", "lb1:80"), ("0.0.0.0:80 tfo", "lb1:80"), ("", ""), ("/run/haproxy.sock", ""),
    ],
)  # fmt: skip
def test_address_is_where_haproxy_binds_to(bind: str, address: str) -> None:
    """All addresses of a host are the one that it is reached at."""
    assert settings.bind_address(bind, "lb1") == address


def test_host_that_is_reached_by_ipv6_is_in_brackets() -> None:
    """A port follows."""
    assert settings.bind_address("*:80", "fd00::7") == "[fd00::7]:80"
