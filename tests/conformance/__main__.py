"""Run Autobahn's cases on both paths and print what came out.

Exit codes: 0 none failed, 2 some failed, 4 the suite cannot be had here.
"""

from __future__ import annotations

import shutil
import sys

from tests.conformance.autobahn import ALL_CASES, CACHE, COUNT_OF_ALL, SuiteUnavailableError, run_suite


def main(cases: tuple[str, ...]) -> int:
    """Run `cases` (Autobahn's patterns such as `7.*`), all 517 by default."""
    folder = CACHE / "reports"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        reports = run_suite(cases or ALL_CASES, folder)
    except SuiteUnavailableError as error:
        sys.stderr.write(f"NOT TESTED: {error}\n")
        return 4
    for report in reports:
        sys.stdout.write(f"{report}\n")
    sys.stdout.write(f"each case as a page: {folder}/*/index.html\n")
    is_complete = bool(cases) or {report.path: report.count for report in reports} == COUNT_OF_ALL
    if not is_complete:
        sys.stdout.write(f"expected {COUNT_OF_ALL}\n")
    return 0 if is_complete and not any(report.failed for report in reports) else 2


if __name__ == "__main__":
    sys.exit(main(tuple(sys.argv[1:])))
