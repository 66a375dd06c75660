from dataclasses import replace

import pytest

from benchmarks import runner
from benchmarks.plan import BEFORE, FULL, INSTRUCTIONS, Plan
from benchmarks.process import BenchmarkError
from benchmarks.runner import run
from benchmarks.samples import Sample
from benchmarks.servers.recipes import BY_NAME

RECIPES = {"before": BY_NAME["holdfast"], "holdfast": BY_NAME["holdfast"]}


@pytest.fixture
def measured(monkeypatch):
    """Answers each measurement from a function, and leaves this process's cores and limits alone."""
    answers = {}
    monkeypatch.setattr(runner, "pin", lambda pid, core: None)
    monkeypatch.setattr(runner, "raise_descriptor_limit", lambda: 20_000)

    def sample(plan, suite, recipe, size, round_number):
        name = next(name for name, known in answers["recipes"].items() if known is recipe)
        return Sample(suite.name, name, size, round_number, {"paced_us": answers["value"](name, round_number)})

    monkeypatch.setattr(runner, "_sample", sample)

    def measure(suite, value, recipes=None):
        known = recipes or {name: replace(recipe) for name, recipe in RECIPES.items()}
        answers.update(recipes=known, value=value)
        return list(run(Plan((suite,)), known))

    return measure


def test_run_takes_turns(measured):
    """Each round has every server once, and every second round goes backwards."""
    outcomes = measured(BEFORE, lambda name, number: 1.0)

    assert [one.server for one in outcomes[:4]] == ["before", "holdfast", "holdfast", "before"]
    assert len(outcomes) == 2 * BEFORE.rounds


def test_run_goes_on_while_noise_hides_the_answer(measured):
    """Rounds that disagree are followed by further ones, up to a bound."""
    outcomes = measured(BEFORE, lambda name, number: 1.0 + (name == "holdfast") * number)

    assert len(outcomes) == 2 * BEFORE.most_rounds


def test_run_leaves_out_what_failed(measured):
    """A server that could not be measured is told once, and the other one is measured on."""

    def value(name, number):
        if name == "before" and number == 1:
            raise BenchmarkError("it died")
        return 1.0

    outcomes = measured(BEFORE, value)

    assert [str(one) for one in outcomes if isinstance(one, BenchmarkError)] == ["it died"]
    assert [one.round_number for one in outcomes if isinstance(one, Sample) and one.server == "before"] == [0]
    assert len([one for one in outcomes if isinstance(one, Sample) and one.server == "holdfast"]) == BEFORE.rounds


def test_run_without_a_server_that_is_missing(measured):
    """A suite is measured with the servers that are there."""
    outcomes = measured(BEFORE, lambda name, number: 1.0, {"holdfast": BY_NAME["holdfast"]})

    assert {one.server for one in outcomes} == {"holdfast"}


def test_run_that_cannot_count(measured, monkeypatch):
    """A count that could not be made ends its suite, not the run."""

    def count_side_by_side(plan, suite, recipes):
        raise BenchmarkError("valgrind died")

    monkeypatch.setattr(runner, "count_side_by_side", count_side_by_side)

    assert [str(one) for one in measured(INSTRUCTIONS, None)] == ["instructions: valgrind died"]


def test_run_with_too_few_descriptors(monkeypatch):
    """A limit below what the connections need is told before anything is started."""
    monkeypatch.setattr(runner, "raise_descriptor_limit", lambda: 1024)

    with pytest.raises(BenchmarkError, match="1024 descriptors"):
        list(run(FULL, {}))


def test_run_of_nothing(monkeypatch):
    """Where every suite was left out, nothing is measured and nothing fails."""
    monkeypatch.setattr(runner, "raise_descriptor_limit", lambda: 1024)
    monkeypatch.setattr(runner, "pin", lambda pid, core: None)

    assert list(run(Plan(()), {})) == []
