"""RFC 6455 and 7692 as Autobahn judges them, without the slow large messages of group 9 and with a few of the cases of
compression (`make conformance` runs all).
"""

from __future__ import annotations

import os

import pytest

from tests.conformance.application import PATHS
from tests.conformance.autobahn import PYTHON2_HOW, RFC6455, Report, SuiteUnavailableError, run_suite
from tests.parts import MISSING

# Text, binary, in fragments, and the offers of small windows and of several things at once.
DEFLATE_SAMPLE = ("12.1.1", "12.2.2", "12.3.11", "13.2.1", "13.3.3", "13.6.1", "13.7.1")
SUBSET = (*(case for case in RFC6455 if case != "9.*"), *DEFLATE_SAMPLE)
SUBSET_COUNT = {"asgi": 247, "handover": 247 + len(DEFLATE_SAMPLE)}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Report]:
    """Run the subset once, compression where it is agreed on."""
    try:
        found = run_suite(SUBSET, tmp_path_factory.mktemp("autobahn"))
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

    assert report.count == SUBSET_COUNT[path]
    assert not report.failed
