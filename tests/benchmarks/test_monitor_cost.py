import os

import pytest

from benchmarks.monitor_cost import measure, old_kernel, open_descriptors, seconds_per_look
from holdfast.monitoring.proc_self import Descriptors
from holdfast.settings_monitor import MonitorSettings

# Half a percent of one core, as CPU time a second.
MOST = 0.005


@pytest.mark.parametrize("descriptors", [0, 10_000])
def test_look_costs_less_than_half_a_percent(descriptors):
    """However many descriptors are open; CPU time, so that a loaded machine makes no difference."""
    with open_descriptors(descriptors):
        assert seconds_per_look(descriptors, looks=100) / MonitorSettings().interval < MOST


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc, which is Linux's")
def test_old_kernel_counts_the_same():
    """By listing, where the kernel does not tell the number."""
    with open_descriptors(100):
        told = Descriptors(lambda: 0).count()
        with old_kernel():
            listed = Descriptors(lambda: 0).count()

    assert told == listed == len(os.listdir("/proc/self/fd")) - 1 + 100


def test_figures_are_complete():
    """What the script prints and judges."""
    figures = measure(10, 0.1)

    assert figures["descriptors"] == 10
    assert all(amount >= 0 for amount in figures.values())
