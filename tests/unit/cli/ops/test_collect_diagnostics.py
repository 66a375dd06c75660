"""`holdfast ops collect-diagnostics`."""

from __future__ import annotations

import stat
import tarfile

from holdfast.cli.ops import collect_diagnostics as module
from tests.unit.cli.ops.conftest import MORE, TOKEN

COLLECT = ("ops", "collect-diagnostics", "-o", "out")


def test_bundle_of_each_instance(cli, played, monkeypatch):
    """Those that are down too, with the end of the log and output that the file names, and without secrets."""
    (played.folder / "a.log").write_text(f"token is {TOKEN}secretsecret Authorization: Bearer {TOKEN}\nlast line\n")
    played.write(log="a.log", output="none.out")
    played[3].is_up = False
    outcome = cli(*COLLECT, *played.options, *MORE, "--json")
    files = outcome.json()["files"]

    assert outcome.code == 1
    assert "gateway-3 did not answer" in outcome.err
    assert sorted(files) == ["gateway-1", "gateway-2", "gateway-3"]
    assert stat.S_IMODE((played.folder / "out").stat().st_mode) == 0o700
    with tarfile.open(files["gateway-1"]) as bundle:
        names = {name.partition("/")[2] for name in bundle.getnames()}
        log = bundle.extractfile(next(one for one in bundle.getmembers() if one.name.endswith("/log.txt")))
        assert log is not None
        text = log.read().decode()
    assert {"log.txt", "admin/nodes.json", "manifest.json"} <= names
    assert "last line" in text
    assert f"Bearer {TOKEN}" not in text


def test_plan(cli, played):
    """Nothing is written; a folder that is there is not written over."""
    assert cli(*COLLECT, *played.options).code == 0
    assert not (played.folder / "out").exists()
    (played.folder / "out").mkdir()
    assert cli(*COLLECT, *played.options, *MORE).code == 3
    assert module
