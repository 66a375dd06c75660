from __future__ import annotations

import pytest

from holdfast.monitoring.evidence import describe, size
from holdfast.monitoring.sampling import Usage


@pytest.mark.parametrize(
    ("name", "usage", "words"),
    [
        ("memory", Usage(460 * 2**20, 512 * 2**20, "cgroup"), "460 MiB of 512 MiB (90%; limit: cgroup)"),
        ("descriptors", Usage(980, 1024, "rlimit"), "980 of 1024 (96%; limit: rlimit)"),
        ("descriptors", Usage(980), "980, without a limit"),
        ("conntrack", Usage(0, 0, "nf_conntrack_max"), "0, without a limit"),
        ("cpu", Usage(0.981, 1.0, "one core"), "98% of one core"),
        ("loop_lag", Usage(0.6204), "a quarter of what arrives waits longer than 620 ms"),
    ],
)
def test_evidence_says_what_was_measured_against_what(name: str, usage: Usage, words: str) -> None:
    """In the units people think in."""
    assert describe(name, usage) == words


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (1000 * 2**20, "1000 MiB"),
        (2**60, "1048576 TiB"),
    ],
)
def test_size_takes_the_unit_that_reads_best(amount: float, words: str) -> None:
    """Up to the largest there is."""
    assert size(amount) == words
