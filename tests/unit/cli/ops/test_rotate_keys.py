"""`holdfast ops rotate-keys`."""

from __future__ import annotations

import json
import stat

import pytest

from holdfast.auth.configured import parse_moment
from tests.unit.cli.ops.conftest import MORE, FakeTarget

ROTATE = ("ops", "rotate-keys", "new")
OLD = {"kid": "old", "secret": "o" * 40}


@pytest.fixture
def keys(played, monkeypatch):
    """A file of keys that all instances have; they read it when told."""
    file = played.folder / "keys.json"
    file.write_text(json.dumps({"keys": [OLD, {"kid": "over", "secret": "x" * 40, "valid_until": "2020-01-01"}]}))
    played.write(keys_file="keys.json")

    def reload(target: FakeTarget) -> None:
        played.done.append(f"reload {target.name}")
        target.one.keys = [
            {
                "kid": one["kid"],
                "origin": "file",
                "valid_until": parse_moment(one["valid_until"]) if one["valid_until"] else None,
            }
            for one in json.loads(file.read_text())["keys"]
        ]

    monkeypatch.setattr(FakeTarget, "reload", reload)
    return file


def test_new_key_counts_and_the_former_one_ends_later(cli, played, keys):
    """What is over goes; no secret is printed; every instance has read it."""
    keys.chmod(0o640)
    outcome = cli(*ROTATE, "--overlap", "3600", *played.options, *MORE, "--json")
    new, old = json.loads(keys.read_text())["keys"]

    assert outcome.code == 0
    assert (new["kid"], old["kid"], old["secret"]) == ("new", "old", OLD["secret"])
    assert not new["valid_until"]
    assert old["valid_until"]
    assert len(new["secret"]) >= 32
    assert stat.S_IMODE(keys.stat().st_mode) == 0o640
    assert played.done == [f"reload gateway-{number}" for number in (1, 2, 3)]
    for secret in (new["secret"], OLD["secret"]):
        assert secret not in outcome.out + outcome.err + played.audit.read_text()


def test_again_keeps_the_secret(cli, played, keys):
    """And the sooner end of the former ones."""
    cli(*ROTATE, "--first", *played.options, *MORE)
    first = json.loads(keys.read_text())["keys"]
    cli(*ROTATE, "--overlap", "60", *played.options, *MORE)
    second = json.loads(keys.read_text())["keys"]
    cli(*ROTATE, "--overlap", "6000", *played.options, *MORE)

    assert not first[1]["valid_until"]
    assert second[0] == first[0]
    assert second[1]["valid_until"]
    assert json.loads(keys.read_text())["keys"] == second


def test_secret_of_ones_own(cli, played, keys):
    """From a file; one that is not there, too short, or another than that of the id, is refused."""
    file = played.folder / "secret"
    given = ("--secret-file", str(file))
    assert cli(*ROTATE, *given, *played.options, *MORE).code == 3
    file.write_text("short")
    assert cli(*ROTATE, *given, *played.options, *MORE).code == 3
    file.write_text("s" * 32 + "\n")
    assert cli("ops", "rotate-keys", "old", *given, *played.options, *MORE).code == 2
    assert cli(*ROTATE, *given, *played.options, *MORE).code == 0
    assert json.loads(keys.read_text())["keys"][0]["secret"] == "s" * 32


def test_plan_changes_nothing(cli, played, keys):
    """The ids and ends are said."""
    before = keys.read_text()
    outcome = cli(*ROTATE, *played.options)

    assert outcome.code == 0
    assert "Would let these keys count: new without end, old until" in outcome.out
    assert keys.read_text() == before


def test_instance_that_does_not_read_them(cli, played, keys, monkeypatch):
    """Is an error: nobody may sign with the key yet."""
    monkeypatch.setattr(FakeTarget, "reload", lambda target: None)
    outcome = cli(*ROTATE, *played.options, *MORE)

    assert outcome.code == 2
    assert "it has not read them yet" in outcome.err


@pytest.mark.parametrize("text", ["", "{", '{"keys": [{"kid": "a"}]}', '{"keys": [{"kid": "", "secret": "hidden"}]}'])
def test_file_that_cannot_be_used(cli, played, keys, text):
    """Is left as it is."""
    keys.write_text(text)
    outcome = cli(*ROTATE, *played.options, *MORE)

    assert outcome.code == 3
    assert "keys.json" in outcome.err
    assert "hidden" not in outcome.err
    assert keys.read_text() == text


def test_instances_without_a_file(cli, played, keys):
    """It has to be said where each has it, and it has to be there."""
    keys.unlink()
    assert cli(*ROTATE, *played.options).code == 3
    played.write()
    outcome = cli(*ROTATE, *played.options)

    assert outcome.code == 3
    assert "`token.keys_file`" in outcome.err


def test_files_that_differ(cli, played, keys):
    """Somebody has to say which is right."""
    import yaml

    (played.folder / "other.json").write_text('{"keys": []}')
    found = yaml.safe_load(played.file.read_text())
    found["instances"][0]["keys_file"] = "other.json"
    played.file.write_text(yaml.safe_dump(found))

    assert cli(*ROTATE, *played.options, *MORE).code == 2


def test_instance_without_a_process(cli, played, keys, monkeypatch):
    """Nothing is written where nobody could be told to read it."""
    before = keys.read_text()
    monkeypatch.setattr(FakeTarget, "is_running", lambda target: target.name != "gateway-2")
    outcome = cli(*ROTATE, *played.options, *MORE)

    assert outcome.code == 2
    assert "gateway-2: no process is known" in outcome.err
    assert keys.read_text() == before
