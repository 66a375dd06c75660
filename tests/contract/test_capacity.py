"""docs/capacity.md says what the code says: its tables, its commands, its metrics, what it quotes of other pages."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from holdfast.cli.program import app
from holdfast.profile.render import capacity_costs
from holdfast.profile.render.capacity import BLOCKS
from holdfast.telemetry.metrics import render_metrics_docs
from tests.contract.source import ROOT

PAGE = (ROOT / "docs" / "capacity.md").read_text(encoding="utf-8")
METRICS = set(re.findall(r"^\| `(\w+)`", render_metrics_docs(), re.MULTILINE))
CONSOLES = re.findall(r"```console\n(.*?)\n```", PAGE, re.DOTALL)
CALLS = [call for console in CONSOLES for call in re.split(r"^\$ ", console, flags=re.MULTILINE) if call]


def test_page_has_every_table():
    """No table is calculated that the page does not show; that they are current is the business of test_docs."""
    assert set(BLOCKS) - set(re.findall(r"<!-- capacity: ([\w-]+) of ", PAGE)) == set()


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.partition("\n")[0])
def test_command_prints_what_the_page_shows(call):
    """Whoever repeats a command of the page gets its lines."""
    command, _, shown = call.rstrip("\n").partition("\n")
    words, _, pipe = command.partition(" | ")
    lines = CliRunner().invoke(app, words.split()[1:]).stdout.splitlines()
    if pipe:
        first, last = map(int, re.fullmatch(r"sed -n (\d+),(\d+)p", pipe).groups())
        lines = lines[first - 1 : last]

    assert lines == shown.splitlines()


def test_metrics_of_the_page_exist():
    """Each metric that is named is one of docs/metrics.md."""
    assert set(re.findall(r"\bholdfast_\w+", PAGE)) - METRICS == set()


def test_own_profiles_of_the_page_fit(tmp_path):
    """Each profile that the page shows can be used as it stands."""
    shown = re.findall(r"```yaml\n(# ours\.yaml.*?)```", PAGE, re.DOTALL)
    for number, text in enumerate(shown):
        path = tmp_path / f"ours-{number}.yaml"
        path.write_text(text, encoding="utf-8")
        done = CliRunner().invoke(app, ["profile", "render", "capacity", "--profile", str(path)])
        assert done.exit_code == 0, done.output

    assert len(shown) == 2


@pytest.mark.parametrize(
    ("quoted", "page"),
    [("22.9 KiB", "performance.md"), ("780", "broker.md"), ("290", "broker.md"), ("172 bytes", "performance.md")],
)
def test_quotes_stand_in_their_pages(quoted, page):
    """What the page takes from another one is still there."""
    assert quoted in PAGE
    assert quoted in (ROOT / "docs" / page).read_text(encoding="utf-8")


def test_costs_of_redis_are_those_of_its_page():
    """A publication, its bytes, a channel, presence: the figures of docs/redis.md."""
    page = (ROOT / "docs" / "redis.md").read_text(encoding="utf-8")

    assert f"1 `EVALSHA`: {capacity_costs.PUBLISH_US} us of Redis' CPU with history" in page
    assert f"{capacity_costs.PUBLICATION_BYTES} for 100 bytes of data" in page
    assert f"({capacity_costs.CHANNEL_BYTES} + 100 x {capacity_costs.PUBLICATION_BYTES})" in page
    assert f"100,000 x {capacity_costs.PRESENT_BYTES} |" in page
    assert f"{capacity_costs.PRESENCE_US} us to refresh" in page


def test_message_is_the_measured_one():
    """docs/performance.md has the bytes of a delivery, in one column for each server."""
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")

    assert f"bytes sent per delivery, publications spaced out | {capacity_costs.MESSAGE_BYTES} bytes |" in page
