"""Tests of holdfast.cli.diagnose_all."""

import pytest

from holdfast.cli import diagnose_all
from holdfast.cli.failure import CliError, Exit
from holdfast.diagnostics.findings import Diagnosis, Finding
from holdfast.errors import ConfigError


@pytest.fixture
def services(monkeypatch):
    """Services that find what they are told."""

    def refuse(*_):
        raise CliError("nobody answered\n  Start it.", Exit.UNKNOWN)

    found = {
        "token": lambda *_: Diagnosis("token", (Finding("generation", "warning", "Weak."),)),
        "resources": refuse,
    }
    monkeypatch.setattr(diagnose_all, "SERVICES", found)
    return found


def test_all_run_and_the_worst_decides(cli, services):
    """One that cannot tell does not keep the others from it."""
    outcome = cli("diagnose", "all")

    assert outcome.code == 1
    assert "token: warning" in outcome.out
    assert "resources: unknown" in outcome.out
    assert "asked: Start it." in outcome.out


def test_unusable_settings_are_told_once(cli, services, monkeypatch, tmp_path):
    """Each service would say the same."""
    monkeypatch.setenv("HOLDFAST_CONFIG", str(tmp_path / "missing.yaml"))
    outcome = cli("diagnose", "all")

    assert outcome.code == 3
    assert outcome.err.count("missing.yaml") == 1


def test_unusable_keys_are_a_finding(services):
    """A key file that is gone does not end the other diagnoses."""

    def fail(*_):
        raise ConfigError(["token.public_keys[0]: cannot read gone.pem"])

    services["token"] = fail
    found = diagnose_all.run("token", None, "", "")

    assert (found.severity, found.findings[0].check) == ("critical", "settings")


def test_all_as_json_is_one_object(cli, services):
    """For programs."""
    found = cli("diagnose", "all", "--json").json()

    assert (found["severity"], found["exit_code"]) == ("warning", 1)
    assert [one["service"] for one in found["diagnoses"]] == ["token", "resources"]


def test_token_is_asked_of_a_named_gateway(monkeypatch):
    """Its keys are in question, not those of the settings here."""
    asked = []
    monkeypatch.setattr(
        "holdfast.cli.diagnose_token.asked", lambda *given: asked.append(given) or Diagnosis("token", ())
    )

    diagnose_all.run("token", None, "http://127.0.0.1:1", "word")

    assert asked == [(None, "http://127.0.0.1:1", "word")]
