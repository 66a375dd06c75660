"""What a host writes down of releases and deploys, by the module."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.scripts.collection import plugin

release = plugin("modules.release")


class Host:
    """Folders of a host with one slot, which runs version 0.1."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("versions/0.1", "versions/0.2", "versions/0.3", "versions/0.4", "slots", "instances"):
            (folder / name).mkdir(parents=True)
        (folder / "slots/1a").symlink_to("../versions/0.1")
        (folder / "instances/1a.yaml").write_text("s1")

    def step(self, step: str, *, is_dry: bool = False, **more: Any) -> dict[str, Any]:
        """Take a step."""
        usual = {"deploy": "", "to": "", "version": "", "settings": "", "is_new": True, "keep": 2}
        found: dict[str, Any] = release.write(usual | more | {"step": step}, is_dry)
        return found

    @property
    def record(self) -> Any:
        """Return the file."""
        return json.loads((self.folder / "releases.json").read_text())


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Return the host, whose systemd knows of the slot."""
    monkeypatch.setattr(release, "FILE", str(tmp_path / "releases.json"))
    for name in ("VERSIONS", "SLOTS", "INSTANCES"):
        monkeypatch.setattr(release, name, str(tmp_path / name.lower()))
    monkeypatch.setattr(release, "replace", lambda path, text, *_: Path(path).write_text(text))
    monkeypatch.setattr(release.units, "enabled", lambda: ["1a"])
    monkeypatch.setattr(release.units, "running", lambda: ["1a", "1b"])
    return Host(tmp_path)


def test_look_tells_record_slots_and_versions(host: Host) -> None:
    """A slot whose files are gone has no release; a host without a record has an empty one."""
    assert release.look() == {
        "history": {"format": 2, "releases": [], "begun": [], "back": {"deploy": "", "to": ""}},
        "serving": [{"version": "0.1", "settings": "s1"}],
        "installed": ["0.1", "0.2", "0.3", "0.4"],
    }


def test_deploy_is_written_down_twice_and_a_second_one_changes_nothing(host: Host) -> None:
    """When it begins and when it serves; then versions that nobody needs are removed."""
    given = {"deploy": "d1", "version": "0.3", "settings": "s1"}
    assert host.step("begin", **given)["changed"]
    assert host.record["begun"][0]["deploy"] == "d1"
    done = host.step("record", **given)

    assert (done["changed"], done["removed"]) == (True, ["0.2", "0.4"])
    assert host.record["releases"] == [{"version": "0.3", "settings": "s1", "deploys": ["d1"]}]
    assert not host.step("begin", **given)["changed"]
    assert not host.step("record", **given)["changed"]


def test_restart_writes_down_only_what_no_run_has(host: Host) -> None:
    """By the deploy that was cut off before it did, where there is one."""
    given = {"version": "0.1", "settings": "s1", "is_new": False}
    host.step("begin", deploy="d1", version="0.1", settings="s1")
    host.step("record", deploy="d2", **given)

    assert host.record["releases"] == [{"version": "0.1", "settings": "s1", "deploys": ["d1"]}]
    assert not host.step("record", deploy="d3", **given)["changed"]


def test_check_mode_writes_nothing(host: Host) -> None:
    """It says what would change."""
    done = host.step("record", deploy="d1", version="0.1", settings="s1", is_dry=True)

    assert done["changed"]
    assert not (host.folder / "releases.json").exists()
    assert (host.folder / "versions/0.4").is_dir()


def test_host_without_an_enabled_slot_is_named(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """And one whose version is gone."""
    assert release.serving() == release.Release("0.1", "s1")
    monkeypatch.setattr(release, "VERSIONS", str(host.folder / "none"))
    with pytest.raises(release.NothingServesError, match=r"0\.1 is not installed"):
        release.serving()
    monkeypatch.setattr(release.units, "enabled", list)
    with pytest.raises(release.NothingServesError, match="deploy first"):
        release.serving()
