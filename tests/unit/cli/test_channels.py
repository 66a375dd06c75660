"""Tests of holdfast.cli.channels."""

URL = ("--url", "http://127.0.0.1:8000", "--api-key", "k")


def test_channels_are_listed_with_clients(cli, fake_gateway):
    """Sorted by name, one a line."""
    fake_gateway.result("channels", {"channels": {"b": {"num_clients": 2}, "a": {"num_clients": 11}}})

    outcome = cli("channels", *URL)

    assert outcome.code == 0
    assert outcome.out.splitlines() == ["CHANNEL  CLIENTS", "a        11", "b        2"]


def test_channels_pattern_is_passed_on(cli, fake_gateway):
    """The gateway selects; without a pattern none is sent."""
    fake_gateway.result("channels", {"channels": {}})

    cli("channels", "chat:*", *URL)
    assert fake_gateway.sent() == {"pattern": "chat:*"}
    outcome = cli("channels", *URL)
    assert fake_gateway.sent() == {}
    assert "No channel" in outcome.err


def test_channels_json_is_the_mapping(cli, fake_gateway):
    """A program gets what the API said."""
    fake_gateway.result("channels", {"channels": {"a": {"num_clients": 1}}})

    assert cli("channels", "--json", *URL).json() == {"a": {"num_clients": 1}}


def test_info_lists_instances(cli, fake_gateway):
    """Each instance with its numbers."""
    node = {"uid": "u", "name": "gw-1", "version": "0.1.0", "num_clients": 5, "num_users": 4, "num_subs": 3}
    fake_gateway.result("info", {"nodes": [node | {"num_channels": 2, "uptime": 60}]})

    lines = cli("info", *URL).out.splitlines()

    assert lines[0].split() == ["NAME", "VERSION", "CLIENTS", "USERS", "SUBS", "CHANNELS", "UPTIME"]
    assert lines[1].split() == ["gw-1", "0.1.0", "5", "4", "3", "2", "60", "s"]


def test_info_json_is_the_list(cli, fake_gateway):
    """A program gets every field of every node."""
    fake_gateway.result("info", {"nodes": [{"uid": "u"}]})

    assert cli("info", "--json", *URL).json() == [{"uid": "u"}]
