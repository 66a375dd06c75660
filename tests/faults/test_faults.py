"""Real faults behind a real HAProxy and a real nginx: whoever can see one calls it by the same name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.fault import Fault, probed
from tests.faults.faults import FAULTS
from tests.faults.lab import Lab
from tests.faults.observers import OBSERVERS
from tests.parts import require

PROBE_DEADLINE_SECONDS = 10.0


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The fault lab, one for the run."""
    for part in ("haproxy", "nginx"):
        require(part)
    with Lab(tmp_path_factory.mktemp("lab")) as built:
        yield built


@pytest.mark.parametrize("transport", ["websocket", "http_stream", "sse", "poll"])
@pytest.mark.parametrize("door", ["plain", "tls", "nginx_plain", "nginx_tls"])
def test_good_way_has_no_fault(lab: Lab, door: str, transport: str):
    """Through each proxy, with TLS and without, nobody names anything where nothing is wrong."""
    options = ("--token", lab.issuer.token(), "--channel", "full:lab", "--transport", transport)
    evidence = probed(lab, lab.main, lab.url(door), *options)

    assert evidence.report is not None
    assert evidence.report["verdict"] == "ok", evidence.report
    # Who leaves a stream or a poll says no goodbye that could be told from a network that is gone.
    harmless = set() if transport == "websocket" else {"client_gone"}
    said = {one: evidence.says(one) for one in OBSERVERS}
    assert all(slugs <= harmless for slugs in said.values()), said


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_has_one_name(lab: Lab, fault: Fault):
    """Each observer that can see the fault names its slug, nobody names another, and the probe is quick."""
    with fault.provoke(lab) as evidence:
        said = {one: evidence.says_within(one, {fault.slug}) for one in fault.seen_by}
        said |= {one: evidence.says(one) for one in OBSERVERS if one not in fault.seen_by}

    assert {one: said[one] for one in fault.seen_by} == {one: {fault.slug} for one in fault.seen_by}
    others = {one: slugs for one, slugs in said.items() if one not in fault.seen_by}
    assert all(slugs <= {fault.shows_as} for slugs in others.values()), others
    if evidence.report is not None:
        stages = {one["stage"]: one["seconds"] for one in evidence.report["stages"]}
        assert evidence.report["seconds"] - stages.get("idle", 0) <= PROBE_DEADLINE_SECONDS
