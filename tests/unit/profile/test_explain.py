"""Tests of holdfast.profile.explain."""

import pytest

from holdfast.profile import ProfileError
from holdfast.profile.explain import explain
from holdfast.profile.render.table import names


def test_explain_key_says_all_that_is_known(production, facts):
    """Value, intent, why, cost, source, what stands in for it in a pod, how to undo it."""
    text = explain(production, facts, "net.ipv4.tcp_notsent_lowat")

    for part in (
        "exactly 131,072",
        "From:",
        "notsent_lowat = ",
        "Why:",
        "Cost:",
        "Source:",
        "TCP_NOTSENT_LOWAT",
        "Undo:",
    ):
        assert part in text


def test_explain_intent_says_what_moves_with_it(production, facts):
    """Whoever changes it knows what else changes."""
    text = explain(production, facts, "connections_per_instance")

    assert "descriptors" in text
    assert "intents: {connections_per_instance: ...}" in text


def test_explain_number_says_who_uses_it(production, facts):
    """From a number one comes to the keys that have it."""
    assert "net.core.somaxconn (hf-accept-001)" in explain(production, facts, "backlog")


def test_explain_takes_every_name(production, facts):
    """Whatever is listed can be asked for."""
    for name in set(names(production)) - {"alerts"}:
        assert explain(production, facts, name)


def test_explain_of_a_misspelt_name_offers_near_ones(production, facts):
    """A typing error is answered with what was meant."""
    with pytest.raises(ProfileError, match=r"net\.core\.somaxconn"):
        explain(production, facts, "net.core.somaxcon")


@pytest.mark.parametrize(
    ("key", "command"),
    [
        ("net.core.somaxconn", "sysctl -w net.core.somaxconn='4096'"),
        ("net.ipv4.ip_local_reserved_ports", "echo >/proc/sys/net/ipv4/ip_local_reserved_ports"),
    ],
)
def test_explain_undoes_to_what_the_hosts_kernel_has(production, facts, key, command):
    """As a command that can be run, also where the kernel has nothing by itself."""
    assert f"Undo:      `{command}`" in explain(production, facts, key)


@pytest.mark.parametrize("key", ["net.ipv4.tcp_mem", "net.ipv4.tcp_max_orphans", "fs.nr_open"])
def test_explain_promises_no_number_that_depends_on_the_machine(production, facts, key):
    """What the kernel calculates from memory is an example, and no command brings it back."""
    text = explain(production, facts, key)
    undo = text.partition("Undo:")[2]

    assert "such as " in text.partition("By itself:")[2].splitlines()[0]
    assert "sysctl -w" not in undo
    assert "the role's rollback brings back what the host had" in undo
