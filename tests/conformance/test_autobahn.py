"""RFC 6455 as Autobahn judges it, without the slow large messages of group 9 (`make conformance` runs those too)."""

from __future__ import annotations

import os

import pytest

from tests.conformance.application import PATHS
from tests.conformance.autobahn import ALL_CASES, PYTHON2_HOW, Report, SuiteUnavailableError, run_suite
from tests.parts import MISSING

SUBSET = tuple(case for case in ALL_CASES if case != "9.*")
SUBSET_COUNT = 247


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Report]:
    """Run the subset once on both paths."""
    try:
        found = run_suite(PATHS, SUBSET, tmp_path_factory.mktemp("autobahn"))
    except SuiteUnavailableError as error:
        MISSING["Autobahn's suite (Python 2.7)", PYTHON2_HOW] += 1
        if os.environ.get("REQUIRE_PARTS") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))
    return {report.path: report for report in found}


@pytest.mark.slow
@pytest.mark.timeout(600)  # the first run installs the suite
@pytest.mark.parametrize("path", PATHS)
def test_autobahn_finds_no_failure(reports: dict[str, Report], path: str) -> None:
    """Every case of the subset passes on this path."""
    report = reports[path]

    assert report.count == SUBSET_COUNT
    assert not report.failed
