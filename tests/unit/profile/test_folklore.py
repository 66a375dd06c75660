"""Tests of holdfast.profile.folklore."""

import pytest

from holdfast.profile.folklore import RECIPES, Wanted, read_sysctl, refused


def names(settings, backlog=None):
    """Return the names of what is refused."""
    return [fault.name for fault in refused(settings, backlog)]


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("folklore_tw_recycle", "net.ipv4.tcp_tw_recycle", "1"),
        ("folklore_no_effect", "net.ipv4.tcp_low_latency", "1"),
        ("folklore_no_effect", "net.ipv4.tcp_fack", "1"),
        ("folklore_timestamps_off", "net.ipv4.tcp_timestamps", "0"),
        ("folklore_sack_off", "net.ipv4.tcp_sack", "0"),
        ("folklore_file_max_fixed", "fs.file-max", "2097152"),
        ("folklore_tcp_mem_fixed", "net.ipv4.tcp_mem", "786432 1697152 1945728"),
        ("folklore_default_buffers", "net.core.rmem_default", "31457280"),
        ("folklore_rmem_lowered", "net.ipv4.tcp_rmem", "4096 87380 16777216"),
        ("folklore_tw_buckets_lowered", "net.ipv4.tcp_max_tw_buckets", "32768"),
        ("folklore_syncookies", "net.ipv4.tcp_syncookies", "2"),
        ("folklore_nofile_infinity", "LimitNOFILE", "infinity"),
        ("folklore_limits_conf", "/etc/security/limits.conf", "* hard nofile 65535"),
        ("folklore_ip_forward_off", "net.ipv4.ip_forward", "0"),
        ("folklore_map_count", "vm.max_map_count", "262144"),
        ("folklore_optmem", "net.core.optmem_max", "16777216"),
        ("folklore_busy_poll", "net.core.busy_poll", "50"),
        ("folklore_ports_unreserved", "net.ipv4.ip_local_port_range", "1024 65535"),
    ],
)
def test_refused_knows_the_recipe(name, key, value):
    """Each recipe is refused by name, with the key, the value and a reason."""
    found = refused({key: Wanted(value)})

    assert [fault.name for fault in found] == [name]
    assert found[0].text.startswith(f"{key} = {value}: ")


def test_recipes_all_have_a_test():
    """Every recipe of the table is refused by the test above."""
    marks = test_refused_knows_the_recipe.pytestmark[0].args[1]

    assert {one.name for one in RECIPES} <= {name for name, _, _ in marks}


def test_refused_takes_what_is_sound():
    """Raised, calculated and reserved values are no folklore."""
    sound = {
        "fs.file-max": Wanted("9000000", "min"),
        "net.ipv4.tcp_mem": Wanted("1 2 3", "min", is_calculated=True),
        "net.ipv4.tcp_syncookies": Wanted("1"),
        "net.ipv4.ip_local_port_range": Wanted("1024 65535"),
        "net.ipv4.ip_local_reserved_ports": Wanted("8000-8010"),
        "net.ipv4.tcp_max_tw_buckets": Wanted("262144", "min"),
    }

    assert names(sound) == []


def test_refused_knows_a_backlog_that_only_the_kernel_has():
    """A somaxconn above what the gateway asks for does nothing."""
    assert names({"net.core.somaxconn": Wanted("65535")}, 16384) == ["folklore_somaxconn_alone"]
    assert names({"net.core.somaxconn": Wanted("16384")}, 16384) == []


def test_read_sysctl_reads_as_systemd_does():
    """Comments, slashes, minus signs and repetitions are understood."""
    found = read_sysctl("# a = 1\n; b = 1\n-net/ipv4/tcp_sack=0\nvm.swappiness = 60\nvm.swappiness=10\nnonsense\n")

    assert {key: one.value for key, one in found.items()} == {"net.ipv4.tcp_sack": "0", "vm.swappiness": "10"}


@pytest.mark.parametrize("name", ["production", "staging", "local"])
def test_read_sysctl_takes_our_own_file(name):
    """What the profile renders is no folklore."""
    from holdfast.profile import load, render

    profile = load(name)
    host = profile.intents.reference.facts("gateway", "load_balancer", "redis")

    assert names(read_sysctl(render("sysctl", profile, host))) == []
