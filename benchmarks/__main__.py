"""`python -m benchmarks`: measure every server in one run, print the tables, keep the JSON.

Exit codes: 0 every bar holds (or nothing was judged), 1 a bar does not, 3 wrong usage, 4 something
could not be measured.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from benchmarks.bars import BARS, judge
from benchmarks.machine import facts
from benchmarks.parts import need_program
from benchmarks.plan import FULL, QUICK, SERVERS, Plan
from benchmarks.process import BenchmarkError
from benchmarks.report import bars_table, document, tables
from benchmarks.runner import Outcome, run
from benchmarks.samples import Sample
from benchmarks.servers.before import Before
from benchmarks.servers.paths import ROOT
from benchmarks.servers.recipes import BY_NAME, Recipe, before_recipe

RESULTS_DIR = ROOT / "benchmarks" / "results"
EXIT_NOT_MEASURED = 4


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(3, f"{self.prog}: {message}\n")


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark and return the exit code."""
    options = _options(argv)
    before = Before(options.before)
    plan = _ready(_plan(options))
    recipes = _prepared(plan, {**BY_NAME, "before": before_recipe(before)})
    samples: list[Sample] = []
    failures: list[str] = []
    try:
        for outcome in run(plan, recipes):
            _tell_progress(outcome)
            if isinstance(outcome, Sample):
                samples.append(outcome)
            else:
                failures.append(str(outcome))
    except BenchmarkError as error:
        print(f"could not measure: {error}", file=sys.stderr)
        return EXIT_NOT_MEASURED
    machine = facts({"before": before.commit() or "missing"})
    code = _tell(plan, recipes, samples, machine, options.output)
    for failure in failures:
        print(f"\nCOULD NOT MEASURE {failure}", file=sys.stderr)
    return EXIT_NOT_MEASURED if failures else code


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = _Parser(prog="python -m benchmarks", description=__doc__)
    suites = {suite.name: suite for suite in FULL.suites}
    parser.add_argument("--quick", action="store_true", help="small sizes, one round, no verdict")
    parser.add_argument("--suites", help=f"some of {','.join(suites)}; all of them unless --servers is given")
    parser.add_argument("--servers", help=f"servers of the suite `servers`, comma-separated: {','.join(BY_NAME)}")
    parser.add_argument("--before", default="", metavar="REF", help="compare with this commit, not the newest release")
    parser.add_argument(
        "--sizes", help="numbers of connections, comma-separated; where instructions are counted, it has its own"
    )
    parser.add_argument("--rounds", type=int, help="how often each server is measured")
    parser.add_argument("--idle-seconds", type=float, help="idle window, 0 for none")
    parser.add_argument("--output", type=Path, default=RESULTS_DIR / "latest.json")
    options = parser.parse_args(argv)
    options.suites = (options.suites or (SERVERS.name if options.servers else ",".join(suites))).split(",")
    options.servers = options.servers.split(",") if options.servers else []
    for kind, names, known in (("suites", options.suites, suites), ("servers", options.servers, BY_NAME)):
        if unknown := set(names) - set(known):
            parser.error(f"unknown {kind} {sorted(unknown)}, expected some of {sorted(known)}")
    return options


def _plan(options: argparse.Namespace) -> Plan:
    plan = QUICK if options.quick else FULL
    changes: dict[str, object] = {}
    if options.sizes:
        changes["sizes"] = tuple(sorted(int(size) for size in options.sizes.split(",")))
    if options.rounds:
        changes |= {"rounds": options.rounds, "most_rounds": 0}
    wanted = [suite for suite in plan.suites if suite.name in options.suites]
    suites = [suite if suite.is_counted else replace(suite, **changes) for suite in wanted]
    if options.servers:
        names = tuple(options.servers)
        suites = [replace(suite, servers=names) if suite.name == SERVERS.name else suite for suite in suites]
    if options.idle_seconds is not None:
        plan = replace(plan, idle_seconds=options.idle_seconds)
        suites = [replace(suite, measures_idle=suite.measures_idle and plan.idle_seconds > 0) for suite in suites]
    return replace(plan, suites=tuple(suites))


def _ready(plan: Plan) -> Plan:
    """Return the plan without the suites that cannot run here, each of which is named."""
    suites = [suite for suite in plan.suites if not suite.is_counted or _may(suite.name, _need_valgrind)]
    return replace(plan, suites=tuple(suites))


def _need_valgrind() -> None:
    need_program("valgrind", "valgrind")


def _prepared(plan: Plan, recipes: dict[str, Recipe]) -> dict[str, Recipe]:
    """Return the servers that can run here; what is missing is named and left out."""
    wanted = dict.fromkeys(name for suite in plan.suites for name in suite.servers)
    return {name: recipes[name] for name in wanted if _may(name, recipes[name].prepare)}


def _may(name: str, prepare: Callable[[], None]) -> bool:
    try:
        prepare()
    except BenchmarkError as error:
        print(f"LEFT OUT {name}: {error}", file=sys.stderr)
        return False
    return True


def _tell_progress(outcome: Outcome) -> None:
    if not isinstance(outcome, Sample):
        print(f"could not measure {str(outcome).splitlines()[0]}", flush=True)
        return
    shown = "  ".join(f"{name} {value:.2f}" for name, value in outcome.values.items())
    place = f"{outcome.suite:<12}  round {outcome.round_number + 1}  {outcome.size:>6}  {outcome.server:<16}"
    print(f"{place}  {shown}", flush=True)


def _tell(plan: Plan, recipes: dict[str, Recipe], samples: list[Sample], machine: dict[str, str], output: Path) -> int:
    run_suites = {suite.name for suite in plan.suites}
    verdicts = judge(samples, [bar for bar in BARS if bar.suite in run_suites])
    print("\n" + ", ".join(f"{name} {value}" for name, value in machine.items()) + "\n")
    for recipe in recipes.values():
        print(f"{recipe.name}: {recipe.title}")
    for suite in plan.suites:
        print("\n" + tables(samples, suite.name, suite.title))
    print("\n" + bars_table(verdicts, plan.is_judged))
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(document(machine, samples, verdicts), indent=1) + "\n")
    return 1 if plan.is_judged and any(verdict.holds is False for verdict in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
