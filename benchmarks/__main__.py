"""`python -m benchmarks`: measure every server in one run, print the table, keep the JSON.

Exit codes: 0 every bar holds (or nothing was judged), 1 a bar does not, 3 wrong usage, 4 a
measurement could not be made.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import NoReturn

from benchmarks.bars import judge
from benchmarks.machine import facts
from benchmarks.plan import FULL, QUICK, Plan
from benchmarks.process import CLIENT_CORE, BenchmarkError, pin, raise_descriptor_limit
from benchmarks.report import Sample, bars_table, document, medians, table
from benchmarks.scenarios import Bench, measure
from benchmarks.servers.recipes import BY_NAME, DEFAULT_NAMES, NODE_DIR, ROOT, Recipe

SUBJECT = "holdfast"
RESULTS_DIR = ROOT / "benchmarks" / "results"
# Descriptors that the load client and each server need beside one a connection.
SPARE_DESCRIPTORS = 200


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(3, f"{self.prog}: {message}\n")


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark and return the exit code."""
    options = _options(argv)
    plan = _plan(options)
    try:
        recipes = _prepared(options.servers)
        samples = _run(plan, recipes)
    except BenchmarkError as error:
        print(f"could not measure: {error}", file=sys.stderr)
        return 4
    return _tell(plan, recipes, samples, options.output)


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = _Parser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, one round, no verdict")
    parser.add_argument("--servers", default=",".join(DEFAULT_NAMES), help="names, comma-separated")
    parser.add_argument("--sizes", help="numbers of connections, comma-separated")
    parser.add_argument("--rounds", type=int, help="how often each server is measured")
    parser.add_argument("--idle-seconds", type=float, help="idle window, 0 for none")
    parser.add_argument("--output", type=Path, default=RESULTS_DIR / "latest.json")
    options = parser.parse_args(argv)
    options.servers = options.servers.split(",")
    if unknown := set(options.servers) - set(BY_NAME):
        parser.error(f"unknown servers {sorted(unknown)}, expected some of {sorted(BY_NAME)}")
    return options


def _plan(options: argparse.Namespace) -> Plan:
    plan = QUICK if options.quick else FULL
    if options.sizes:
        sizes = tuple(sorted(int(size) for size in options.sizes.split(",")))
        plan = dataclasses.replace(plan, sizes=sizes)
    if options.rounds:
        plan = dataclasses.replace(plan, rounds=options.rounds)
    if options.idle_seconds is not None:
        plan = dataclasses.replace(plan, idle_seconds=options.idle_seconds)
    return plan


def _prepared(names: list[str]) -> list[Recipe]:
    """Return the servers that can run here; what is missing is named and left out."""
    ready = []
    for name in names:
        try:
            BY_NAME[name].prepare()
        except BenchmarkError as error:
            print(f"LEFT OUT {name}: {error}", file=sys.stderr)
        else:
            ready.append(BY_NAME[name])
    return ready


def _run(plan: Plan, recipes: list[Recipe]) -> list[Sample]:
    limit = raise_descriptor_limit()
    if max(plan.sizes) + SPARE_DESCRIPTORS > limit:
        raise BenchmarkError(f"{max(plan.sizes)} connections need more than {limit} descriptors")
    pin(os.getpid(), CLIENT_CORE)
    samples = []
    for round_number in range(plan.rounds):
        for size in plan.sizes:
            for recipe in recipes:
                sample = _sample(plan, recipe, size, round_number)
                shown = "  ".join(f"{name} {value:.2f}" for name, value in sample.values.items())
                print(f"round {round_number + 1}  {size:>6}  {recipe.name:<10}  {shown}")
                samples.append(sample)
    return samples


def _sample(plan: Plan, recipe: Recipe, size: int, round_number: int) -> Sample:
    server = recipe.server(plan)
    server.start()
    client = recipe.connect(server.port)
    try:
        with_idle = plan.measures_idle(recipe.name, size, round_number)
        values = measure(Bench(server, client, plan, size), with_idle)
    except BenchmarkError as error:
        raise BenchmarkError(f"{recipe.name} at {size}: {error}\n{server.tail()}") from error
    finally:
        client.close()
        server.stop()
    return Sample(recipe.name, size, round_number, values)


def _tell(plan: Plan, recipes: list[Recipe], samples: list[Sample], output: Path) -> int:
    machine = facts(NODE_DIR)
    servers = [recipe.name for recipe in recipes]
    verdicts = judge(medians(samples), SUBJECT, max(plan.sizes), min(plan.sizes))
    print("\n" + ", ".join(f"{name} {value}" for name, value in machine.items()))
    for recipe in recipes:
        print(f"{recipe.name}: {recipe.title}")
    for size in plan.sizes:
        print("\n" + table(samples, servers, size))
    print("\n" + bars_table(verdicts, plan.is_judged))
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(document(machine, samples, verdicts), indent=1) + "\n")
    return 1 if plan.is_judged and any(verdict.holds is False for verdict in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
