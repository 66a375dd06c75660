"""Runs the suites of a plan: each server alone on its core, suite by suite, round by round."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product

from benchmarks.bars import is_settled
from benchmarks.instructions import count_side_by_side
from benchmarks.plan import Plan, Suite
from benchmarks.process import CLIENT_CORE, BenchmarkError, pin, raise_descriptor_limit
from benchmarks.samples import Sample
from benchmarks.scenarios import Bench, measure
from benchmarks.servers.recipes import Recipe

# Descriptors that the load client and each server need beside one a connection.
SPARE_DESCRIPTORS = 200


# What comes out of one measurement: a sample, or why there is none.
Outcome = Sample | BenchmarkError


def run(plan: Plan, recipes: Mapping[str, Recipe]) -> Iterator[Outcome]:
    """Measure every suite with those of its servers that are among `recipes`.

    A server that could not be measured is left out of the further rounds of its suite, and the run goes on.

    Raises:
        BenchmarkError: nothing can be measured here.
    """
    limit = raise_descriptor_limit()
    most = max((size for suite in plan.suites for size in suite.sizes), default=0)
    if most + SPARE_DESCRIPTORS > limit:
        raise BenchmarkError(f"{most} connections need more than {limit} descriptors")
    pin(os.getpid(), CLIENT_CORE)
    for suite in plan.suites:
        ready = replace(suite, servers=tuple(name for name in suite.servers if name in recipes))
        if ready.is_counted:
            yield from _counts(plan, ready, recipes)
        else:
            yield from _rounds(plan, ready, recipes)


def _counts(plan: Plan, suite: Suite, recipes: Mapping[str, Recipe]) -> Iterator[Outcome]:
    try:
        yield from count_side_by_side(plan, suite, [recipes[name] for name in suite.servers])
    except (BenchmarkError, OSError) as error:
        yield BenchmarkError(f"{suite.name}: {error}")


def _rounds(plan: Plan, suite: Suite, recipes: Mapping[str, Recipe]) -> Iterator[Outcome]:
    samples: list[Sample] = []
    failed: set[str] = set()
    number = 0
    while number < suite.rounds or (number < suite.most_rounds and _may_settle(samples, suite, failed)):
        for size, name in product(suite.sizes, suite.order(number)):
            if name in failed:
                continue
            try:
                samples.append(_sample(plan, suite, recipes[name], size, number))
            except BenchmarkError as error:
                failed.add(name)
                yield error
            else:
                yield samples[-1]
        number += 1


def _may_settle(samples: list[Sample], suite: Suite, failed: set[str]) -> bool:
    """Tell whether a further round could tell what noise hides so far."""
    return not failed and not is_settled(samples, suite.name)


def _sample(plan: Plan, suite: Suite, recipe: Recipe, size: int, round_number: int) -> Sample:
    server = recipe.server(plan)
    client = recipe.connect(server.port)
    try:
        server.start()
        bench = Bench(server, client, plan, suite, size)
        values = measure(bench, suite.idles(recipe.name, size, round_number))
    except (BenchmarkError, OSError) as error:  # the latter where the server cut a connection that was written to
        what = str(error) if isinstance(error, BenchmarkError) else repr(error)
        raise BenchmarkError(f"{suite.name}, {recipe.name} at {size}: {what}\n{server.tail()}") from error
    finally:
        client.close()
        server.stop()
    return Sample(suite.name, recipe.name, size, round_number, values)
