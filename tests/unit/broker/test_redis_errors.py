from __future__ import annotations

import pytest
from redis._parsers.base import BaseParser
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse

from holdfast.broker.redis_errors import broker_error
from holdfast.errors import BrokerError


@pytest.mark.parametrize(
    ("reply", "slug"),
    [
        ("NOAUTH Authentication required.", "broker_auth_failed"),
        ("WRONGPASS invalid username-password pair or user is disabled.", "broker_auth_failed"),
        ("ERR AUTH <password> called without any password configured for the default user. Are you sure your "
         "configuration is correct?", "broker_auth_failed"),
        ("NOPERM User a has no permissions to run the 'evalsha' command", "broker_permission_denied"),
        ("READONLY You can't write against a read only replica.", "broker_read_only"),
        ("MISCONF Redis is configured to save RDB snapshots", "broker_read_only"),
        ("OOM command not allowed when used memory > 'maxmemory'.", "broker_out_of_memory"),
        ("LOADING Redis is loading the dataset in memory", "broker_loading"),
        ("CLUSTERDOWN Hash slot not served", "broker_cluster_down"),
        ("TRYAGAIN Multiple keys request during rehashing of slot", "broker_cluster_down"),
        ("MOVED 1 127.0.0.1:7000", "broker_cluster_down"),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", "broker_foreign_key"),
        ("NOREPLICAS Not enough good replicas to write.", "durability_not_met"),
        ("ERR unknown command 'SPUBLISH'", "broker_version"),
        ("ERR max number of clients reached", "broker_unavailable"),
    ],
)  # fmt: skip
def test_reply_names_its_cause(reply: str, slug: str):
    """Each refusal of Redis has its slug, and certainly nothing was done."""
    error = broker_error(BaseParser.parse_error(reply))

    assert (error.slug, error.is_undone) == (slug, True)
    assert error.detail.startswith(reply.split()[0]) or reply.startswith("ERR")


@pytest.mark.parametrize(
    "reply",
    [
        "ERR The user executing the script can't run this command or subcommand script: 1, on @user_script:1.",
        "ERR ACL failure in script: User a has no permissions",
        "NOPERM No permissions to access a channel script: 1, on @user_script:1.",
    ],
)
def test_right_that_a_script_misses_may_be_missed_late(reply: str):
    """What the script did before it has been done."""
    error = broker_error(BaseParser.parse_error(reply))

    assert (error.slug, error.is_undone) == ("broker_permission_denied", False)


def test_forced_end_of_a_wait_may_have_had_effect():
    """The publication before a WAIT was made."""
    error = broker_error(BaseParser.parse_error("UNBLOCKED force unblock from blocking operation"))

    assert (error.slug, error.is_undone) == ("durability_not_met", False)


@pytest.mark.parametrize(
    ("error", "slug"),
    [
        (TimeoutError(), "broker_timeout"),
        (RedisConnectionError("Connection closed by server."), "broker_unavailable"),
        (ConnectionRefusedError("refused"), "broker_unavailable"),
        (InvalidResponse("HTTP/1.1"), "broker_version"),
        (ValueError("odd"), "broker_unavailable"),
        (BaseParser.parse_error("ERR something in a script"), "broker_unavailable"),
    ],
)
def test_failure_on_the_way_may_have_had_effect(error: Exception, slug: str):
    """What broke after a command left says nothing about the command, unless the caller knows better."""
    assert (broker_error(error).slug, broker_error(error).is_undone) == (slug, False)


def test_failure_before_a_command_left_is_undone():
    """Who could not connect has done nothing."""
    assert broker_error(ConnectionRefusedError(), is_undone=True).is_undone


def test_broker_error_stays_as_it_is():
    """A cause that is known already is not wrapped."""
    error = BrokerError("broker_loading", is_undone=True)

    assert broker_error(error) is error
