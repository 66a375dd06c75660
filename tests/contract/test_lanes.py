from __future__ import annotations

import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests import lanes
from tests.contract.source import ROOT
from tests.times import part_of, table

FAILS = [sys.executable, "-c", "print('bad'); raise SystemExit(3)"]
WELL = [sys.executable, "-c", "print('good')"]


def test_every_folder_runs_once():
    """A new folder of tests that nobody adds to a lane is found here."""
    found = {path.relative_to(ROOT / "tests").parts[0] for path in (ROOT / "tests").rglob("test_*.py")}

    assert sorted([*lanes.FOLDERS, *lanes.BESIDE, *lanes.ALONE, *lanes.HAVE_RUN]) == sorted(found)


def test_lane_goes_on_behind_a_failure_and_tells_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """All of a lane runs; what it said is in its log, its end on the screen, its code the first bad one."""
    monkeypatch.setattr(lanes, "FOLDER", tmp_path)
    log = tmp_path / "log"
    code = lanes.Lanes().run([WELL, FAILS, WELL], "one", log)

    assert code == 3
    assert log.read_text().split() == ["good", "bad", "good"]
    assert "with a FAILURE" in capsys.readouterr().out


def test_lanes_that_end_begin_nothing_more(tmp_path: Path):
    """Ctrl-C behind one command of a lane is not the beginning of the next one."""
    ending = lanes.Lanes()
    ending.end(signal.SIGINT)
    log = tmp_path / "log"

    assert ending.run([WELL], "one", log) == lanes.INTERRUPTED
    assert log.read_text() == ""


@pytest.mark.parametrize(("code", "is_shown"), [(0, False), (1, True)])
def test_failure_beside_is_shown_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: int, is_shown: bool
):
    """A good lane shows its summary, and the times of both lanes are added up."""
    log = tmp_path / "log"
    log.write_text("the reason [100%]\nSKIPPED one\n5 passed\n")
    (tmp_path / "main.json").write_text('{"many": 60, "core": 60}')
    (tmp_path / "beside.json").write_text('{"hosts": 600, "core": 60}')
    monkeypatch.setattr(lanes, "FOLDER", tmp_path)
    monkeypatch.setattr(lanes, "LOG", log)
    lanes.show(700, {"in front": 0, "beside": code})
    said = capsys.readouterr().out

    assert ("the reason" in said) == is_shown
    assert ("FAILED with 1: the tests beside" in said) == is_shown
    assert "SKIPPED one\n5 passed" in said
    assert "core       2.0 of 4 min\n" in said
    assert "hosts     10.0 of 9 min  <- over\n" in said
    assert "11.7 min" in said


@pytest.mark.parametrize(
    ("node", "part"),
    [
        ("tests/unit/protocol/test_frames.py::test_one", "core"),
        ("tests/unit/verify/test_judge.py::test_one", "hosts"),
        ("tests/integration/test_redis_tls.py::test_one[a]", "many"),
        ("tests/client/test_units.py::test_one", "browser"),
    ],
)
def test_part_is_found_by_the_path(node: str, part: str):
    """Each test counts for one part."""
    assert part_of(node) == part


def test_table_leaves_out_what_did_not_run():
    """A run of one folder says nothing of the others."""
    assert table(Counter({"many": 30.0})) == ["many       0.5 of 7 min"]
