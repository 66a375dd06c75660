import os
import subprocess
import sys

import pytest

from benchmarks import process
from benchmarks.process import CLIENT_CORE, SERVER_CORE, pin


@pytest.mark.skipif(len(process.CORES) < 2, reason="one core: everything shares it")
def test_pin_gives_a_child_the_other_core():
    """A server started by the pinned load client does not end up on the load client's core."""
    script = (
        "import os, subprocess, sys\n"
        "from benchmarks.process import pin, CLIENT_CORE, SERVER_CORE\n"
        "pin(0, CLIENT_CORE)\n"
        "ask = [sys.executable, '-c', 'import os; print(*os.sched_getaffinity(0))']\n"
        "subprocess.run(ask, preexec_fn=lambda: pin(0, SERVER_CORE), check=True)\n"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=20, check=True)

    assert done.stdout.split() == [str(process.CORES[SERVER_CORE])]
    assert process.CORES[SERVER_CORE] != process.CORES[CLIENT_CORE]


def test_pin_on_a_machine_with_one_core(monkeypatch):
    """Where there is no second core, the load client gets the only one."""
    asked = []
    monkeypatch.setattr(process, "CORES", [3])
    monkeypatch.setattr(os, "sched_setaffinity", lambda pid, cores: asked.append(cores))

    pin(0, CLIENT_CORE)
    pin(0, SERVER_CORE)

    assert asked == [{3}, {3}]
