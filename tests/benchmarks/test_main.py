import json
import subprocess
import sys

import pytest

from benchmarks.__main__ import main
from benchmarks.servers.paths import ROOT

SMALL = ("--quick", "--rounds", "1", "--sizes", "20", "--idle-seconds", "0")


@pytest.mark.parametrize("arguments", [("--suites", "servers,everything"), ("--servers", "apache"), ("--size",)])
def test_main_with_wrong_usage(arguments, capsys):
    """A name that is not there is told, with those that are."""
    with pytest.raises(SystemExit) as raised:
        main(list(arguments))

    assert raised.value.code == 3
    assert "python -m benchmarks" in capsys.readouterr().err


@pytest.mark.slow
def test_main_measures_and_keeps_the_result(tmp_path):
    """A small run starts a real gateway, counts every delivery, prints the tables and keeps the JSON."""
    output = tmp_path / "result.json"
    command = [sys.executable, "-m", "benchmarks", *SMALL, "--servers", "holdfast", "--output", str(output)]

    # A process of its own: the load client pins itself to a core and raises its limits.
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)

    assert done.returncode == 0, done.stderr
    assert "paced_us" in done.stdout
    kept = json.loads(output.read_text())
    assert [(sample["server"], sample["connections"]) for sample in kept["samples"]] == [("holdfast", 20)]
    assert kept["samples"][0]["paced_us"] > 0
