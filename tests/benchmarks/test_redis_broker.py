"""The benchmark of Redis measures what it says, in small."""

from __future__ import annotations

import pytest

from benchmarks.redis_broker import Amounts, above, measure
from tests.parts import require


def test_redis_benchmark_measures():
    """Every figure is there, a publication is one script, and what was missed is handed on."""
    require("redis")

    figures = measure(Amounts(publications=1000, channels=20, seconds=1.0))

    assert figures.keys() == {
        "script_us", "broker_us", "commands_per_publication", "added_p50_ms", "added_p99_ms", "catch_up_seconds",
        "catch_up_cpu_seconds",
    }  # fmt: skip
    assert figures["commands_per_publication"] == pytest.approx(1, abs=0.01)
    assert figures["script_us"] > 0


def test_redis_benchmark_names_what_is_above_its_bar():
    """A figure at its bar is fine, one above is named with both numbers."""
    fine = {"script_us": 50.0, "commands_per_publication": 1.0, "catch_up_seconds": 2.0}

    assert not above(fine)
    assert above({**fine, "script_us": 61.0}) == ["script_us: 61, expected at most 50"]
