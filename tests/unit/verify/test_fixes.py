from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from holdfast.verify.fixes import fix_for
from holdfast.verify.observations import Declared, Observation

SEEN = Observation("1", "there")
LINE = Declared("/etc/a.conf", 4, "1", "1")


@pytest.fixture
def fix(all_controls):
    """Return the command for the control with an id."""

    def find(control, value, seen, in_force=False, **changes):
        expectation = next(one.expectation for one in all_controls if one.expectation.id == control)
        return fix_for(replace(expectation, **changes), value, seen, in_force=in_force)

    return find


def test_sysctl_without_a_file_is_added_to_ours(fix):
    """It then lasts, and is set now; where it runs already, it is only written."""
    now, later = fix("hf-port-001", "10240 65535", SEEN), fix("hf-port-001", "10240 65535", SEEN, in_force=True)

    assert later == "echo 'net.ipv4.ip_local_port_range = 10240 65535' >>/etc/sysctl.d/90-holdfast.conf"
    assert now == f"{later} && sysctl -w net.ipv4.ip_local_port_range='10240 65535'"


def test_sysctl_that_the_kernel_lacks_cannot_be_set(fix):
    """No command helps; what does is said."""
    assert "enabled: false for hf-accept-001" in fix("hf-accept-001", "1", Observation(None, "", is_absent=True))


def test_unit_property_is_mended_where_it_stands(fix):
    """In its line, or in a drop-in of ours; a running instance gets it by a roll."""
    assert fix("hf-fd-003", "9", replace(SEEN, declared=LINE), in_force=True) == (
        "sed -i '4s|.*|LimitNOFILE=9|' /etc/a.conf && systemctl daemon-reload"
    )
    assert fix("hf-fd-003", "9", SEEN).endswith(
        "10-profile.conf && systemctl daemon-reload && echo 'now roll the instances: make restart'"
    )


def test_process_gets_its_limit_at_once(fix):
    """Prlimit reaches what runs; where nothing does, it has to be started."""
    assert fix("hf-fd-004", "9", replace(SEEN, pid=7)) == "prlimit --pid 7 --nofile=9:9"
    assert fix("hf-fd-004", "9", SEEN).startswith("systemctl start")
    assert fix("hf-accept-003", "9", SEEN).startswith("systemctl start")
    assert "http.backlog: 9" in fix("hf-accept-003", "9", replace(SEEN, pid=7))


def test_haproxy_is_reloaded_and_its_file_mended_where_that_is_wrong(fix):
    """A number changed over the socket is undone by a reload."""
    assert fix("hf-proxy-001", "1", replace(SEEN, declared=LINE)) == "systemctl reload haproxy"
    assert fix("hf-proxy-001", "9", replace(SEEN, declared=LINE)) == (
        "sed -i '4s|.*|    maxconn 9|' /etc/a.conf && systemctl reload haproxy"
    )
    assert fix("hf-proxy-002", "9", SEEN, in_force=True) == "systemctl restart haproxy"


def test_redis_is_told_while_it_runs(fix):
    """And its file is mended where that says something else."""
    assert fix("hf-redis-003", "noeviction", SEEN) == "redis-cli CONFIG SET maxmemory-policy noeviction"
    assert fix("hf-redis-003", "noeviction", replace(SEEN, declared=LINE), in_force=True) == (
        "sed -i '4s|.*|maxmemory-policy noeviction|' /etc/a.conf"
    )


@pytest.mark.parametrize(
    ("control", "command"),
    [
        ("hf-accept-008", "holdfast profile explain TcpExtListenOverflows"),
        ("hf-track-001", "modprobe nf_conntrack"),
        ("hf-vm-003", "echo never >/sys/kernel/mm/transparent_hugepage/enabled"),
    ],
)
def test_other_kinds_have_their_command(fix, control, command):
    """Each kind can be mended by a line that can be copied."""
    assert fix(control, "never", SEEN) == command


@pytest.mark.parametrize("control", ["hf-fd-003", "hf-accept-003", "hf-unit-003"])
def test_command_can_be_run_as_it_stands(fix, control):
    """What is left to do elsewhere is said by it, and nothing in it is run by accident."""
    command = fix(control, "a b", replace(SEEN, pid=7))

    assert "`" not in command
    assert shlex.split(command)[-2] == "echo"
