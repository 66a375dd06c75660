"""Tests of holdfast.cli.profile."""

import json

import pytest


def test_profile_show_lists_keys_with_their_numbers(cli):
    """One line for each thing that a gateway host gets."""
    lines = cli("profile", "show").out.splitlines()

    assert any(line.split()[2:] == ["net.core.somaxconn", "min", "16384"] for line in lines)


def test_profile_show_depends_on_the_role(cli):
    """A Redis host gets what Redis needs, and no unit of a gateway."""
    found = {one["key"] for one in json.loads(cli("profile", "show", "--role", "redis", "--json").out)}

    assert "maxmemory" in found
    assert "LimitNOFILE" not in found


def test_profile_explain_says_why(cli):
    """One key gives reason and source."""
    out = cli("profile", "explain", "net.ipv4.tcp_notsent_lowat").out

    assert "Why:" in out
    assert "man tcp" in out


def test_profile_derive_is_for_the_host_that_is_named(cli):
    """Parts of memory follow the memory."""
    small = json.loads(cli("profile", "derive", "--memory", "8GiB", "--json").out)
    large = json.loads(cli("profile", "derive", "--memory", "16GiB", "--json").out)

    assert large["tcp_mem"][2] == pytest.approx(2 * small["tcp_mem"][2], abs=1)


def test_profile_derive_of_too_small_a_host_exits_3(cli):
    """What does not fit is refused with the reason."""
    done = cli("profile", "derive", "--memory", "1GiB")

    assert done.code == 3
    assert "host_memory_too_small" in done.err


@pytest.mark.parametrize("target", ["sysctl", "unit", "gateway", "redis", "helm", "alerts", "docs", "json"])
def test_profile_render_prints_the_target(cli, target):
    """Every target comes out of the command."""
    assert cli("profile", "render", target).out


def test_profile_render_haproxy_takes_gateways(cli):
    """Servers are made from the hosts that are named."""
    assert "server gw1-1a 10.0.0.11:8000" in cli("profile", "render", "haproxy", "--gateway", "gw1=10.0.0.11").out


@pytest.mark.parametrize(
    "arguments",
    [
        ("render", "systcl"),
        ("render", "unit", "--gateway", "gw1=10.0.0.11"),
        ("render", "haproxy", "--gateway", "gw1"),
        ("show", "--role", "database"),
        ("show", "--memory", "much"),
        ("show", "--profile", "nowhere.yaml"),
        ("explain", "no.such.key"),
    ],
)
def test_profile_with_wrong_arguments_exits_3(cli, arguments):
    """What cannot be meant is refused with what was expected."""
    done = cli("profile", *arguments)

    assert done.code == 3
    assert "expected" in done.err


def test_profile_diff_exits_1_where_profiles_differ(cli):
    """A pipeline sees by the exit code that something changed."""
    assert cli("profile", "diff", "production", "staging").code == 1
    assert cli("profile", "diff", "production", "production").code == 0


def test_profile_lint_finds_nothing_in_production(cli):
    """The shipped profile has no fault."""
    assert cli("profile", "lint").code == 0


def test_profile_lint_of_a_sysctl_file_names_recipes(cli, tmp_path):
    """Files of others are looked through too; JSON for a pipeline."""
    path = tmp_path / "99-fast.conf"
    path.write_text("net.ipv4.tcp_tw_recycle = 1\n")

    done = cli("profile", "lint", "--sysctl", str(path), "--json")

    assert done.code == 3
    assert json.loads(done.out)[0]["name"] == "folklore_tw_recycle"


def test_profile_schema_prints_the_schema(cli):
    """An editor can be given it."""
    assert json.loads(cli("profile", "schema").out)["title"] == "Holdfast profile"
