from __future__ import annotations

import pytest

from holdfast.verify.fleet import Fleet, FleetError, UnreachableError, roles_of


class Stub:
    """A host that has been asked already, or does not answer."""

    def __init__(self, name, facts=None, groups=()):
        self.name, self.groups, self.asked = name, groups, 0
        self._facts = facts

    def facts(self, request):
        """Return them."""
        self.asked += 1
        if self._facts is None:
            raise UnreachableError("Connection timed out")
        return self._facts


GATEWAY = frozenset({"gateway"})


def test_tests_are_known_before_any_host_is_asked(production, facts):
    """A pair for each control that the roles have, in the profile's order."""
    host = Stub("gw1", facts)

    pairs = Fleet(production, [(host, GATEWAY)], [], 0).pairs()

    assert ("gw1", "hf-fd-003") in pairs
    assert not any(control.startswith("hf-redis") for _, control in pairs)
    assert host.asked == 0


def test_host_is_asked_once_whatever_comes_of_it(production, facts):
    """Every control uses the same facts; a host that does not answer is not tried for each of them."""
    good, bad = Stub("gw1", facts), Stub("gw2")
    fleet = Fleet(production, [(good, GATEWAY), (bad, GATEWAY)], [], 0)

    results = [fleet.result(host, control) for host, control in fleet.pairs()]

    assert (good.asked, bad.asked) == (1, 1)
    assert {one.status for one in results} == {"ok", "unknown"}
    assert "host gw2: Connection timed out" in fleet.result("gw2", "hf-fd-001").actual


def test_growth_since_the_last_run_is_found_and_kept_for_the_next(production, facts, tmp_path):
    """Each run compares with the one before, and writes only once all of its tests are through."""
    state = tmp_path / "counters.json"

    def overflows(total, boot="b"):
        facts["counters"]["TcpExtListenOverflows"] |= {"total": total, "grown": 0}
        facts["host"]["boot_id"] = boot
        fleet = Fleet(production, [(Stub("gw1", facts), GATEWAY)], [], 0, str(state))
        result = fleet.result("gw1", "hf-accept-008")
        fleet.remember()
        return result.status, result.where

    assert overflows(7) == (
        "ok",
        "the running kernel, 7 since its start, 0 of them within 2 s: the first check that is remembered",
    )
    assert overflows(9)[0] == "drift"
    assert "2 of them since the last check" in overflows(11)[1]
    assert overflows(11)[0] == "ok"
    assert overflows(12, "c")[0] == "ok"


def test_host_that_the_profile_does_not_fit_is_named(production, facts):
    """A host with less memory than the profile plans for cannot be judged by it."""
    facts["host"]["memory_bytes"] = 2**29

    result = Fleet(production, [(Stub("gw1", facts), GATEWAY)], [], 0).result("gw1", "hf-fd-001")

    assert result.status == "unknown"
    assert "host_memory_too_small" in result.actual


def test_control_that_the_kernel_has_no_key_for_does_not_apply(production, facts):
    """What a kernel decides is known only once it was asked."""
    facts["host"]["kernel"] = "3.10.0"

    assert Fleet(production, [(Stub("gw1", facts), GATEWAY)], [], 0).result("gw1", "hf-tcp-001").status == (
        "not_applicable"
    )


def test_roles_come_from_the_option_or_from_groups():
    """Patterns of names, one role for all, or the inventory's groups; an option beats groups."""
    host = Stub("gw1", groups=("all", "gateways", "redis"))

    assert roles_of(host, "") == {"gateway", "redis"}
    assert roles_of(host, "gw*=gateway,lb1=load_balancer,gw1=redis") == {"gateway", "redis"}
    assert roles_of(host, "load_balancer") == {"load_balancer"}


@pytest.mark.parametrize(("option", "said"), [("", "--holdfast-roles='web1=gateway'"), ("gate", "saw 'gate'"),
                                              ("gw*=gateway", "expected a role for host web1")])  # fmt: skip
def test_host_without_a_role_is_refused(option, said):
    """Nothing is guessed: a host that would be checked for nothing is named."""
    with pytest.raises(FleetError) as caught:
        roles_of(Stub("web1", groups=("all",)), option)

    assert said in str(caught.value)
