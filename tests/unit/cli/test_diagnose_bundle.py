"""Tests of holdfast.cli.diagnose_bundle."""

import json
import stat
import tarfile

import httpx
import pytest
import yaml

from holdfast.diagnostics.findings import Diagnosis
from holdfast.settings_docs import settings_secrets
from holdfast.settings_load import load_settings

SETTINGS = {
    "token": {
        "hmac_secret": "the-hmac-secret-of-thirty-two-bytes!",
        "previous_keys": [{"secret": "the-previous-secret"}],
        "subscription": {"hmac_secret": "the-subscription-secret-is-another"},
    },
    "api": {"keys": ["the-api-key", "k2"]},
    "admin": {"token": "the-admin-token"},
    "client": {
        "proxy": {
            "connect": {
                "enabled": True,
                "endpoint": "http://user:the-password@127.0.0.1:9/",
                "http": {"static_headers": {"X-Secret": "the-header-secret"}},
            }
        }
    },
}
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl"


@pytest.fixture(autouse=True)
def settings(tmp_path):
    """Settings with a secret in each place that may have one."""
    (tmp_path / "holdfast.yaml").write_text(yaml.safe_dump(SETTINGS))


@pytest.fixture(autouse=True)
def no_machine(monkeypatch):
    """Nobody looks at the machine that runs the tests."""
    monkeypatch.setattr("holdfast.cli.diagnose_resources.local", lambda *_, **__: Diagnosis("resources", ()))


@pytest.fixture
def gateway(fake_gateway):
    """A gateway that says every secret in every answer."""
    leak = {"leak": sorted(settings_secrets(load_settings())), "token": TOKEN}
    for path in ("/livez", "/readyz", "/startupz", "/metrics", "/admin/attempts", "/admin/connections"):
        fake_gateway.answers[path] = httpx.Response(200, json=leak)
    fake_gateway.answers["/admin/resources"] = httpx.Response(404, json={"slug": "not_found", "message": ""})
    return fake_gateway


def unpacked(path):
    """Return the files by their names without the folder."""
    with tarfile.open(path) as archive:
        return {entry.name.partition("/")[2]: archive.extractfile(entry).read().decode() for entry in archive}


def test_bundle_has_everything_and_no_secret(cli, gateway, tmp_path):
    """Whatever the gateway says, no secret of the settings and no token is in the bundle."""
    path = tmp_path / "b.tar.gz"
    outcome = cli("diagnose", "bundle", "--output", str(path))
    files = unpacked(path)

    assert outcome.code == 0
    assert {"manifest.json", "versions.json", "settings.json", "codes.json", "metrics.txt", "diagnoses.txt"} <= set(
        files
    )
    assert {"diagnoses/token.json", "admin/attempts.json", "system/kernel.json", "health/readyz.txt"} <= set(files)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for secret in {*settings_secrets(load_settings()), TOKEN} - {"k2"}:
        assert not [name for name, text in files.items() if secret in text]
    assert '"k2"' not in files["admin/attempts.json"]


def test_bundle_names_what_is_missing(cli, gateway, tmp_path):
    """In the manifest, and on standard error."""
    found = cli("diagnose", "bundle", "--output", str(tmp_path / "b.tar.gz"), "--json")

    assert set(found.json()["missing"]) == {"log.txt", "admin/resources.json", "admin/nodes.json"}
    assert "without log.txt" in found.err


def test_bundle_has_the_end_of_the_log(cli, gateway, tmp_path, monkeypatch):
    """Whole lines, for half a line may have half a secret; a file that cannot be read is missing."""
    monkeypatch.setattr("holdfast.cli.diagnose_bundle.LOG_TAIL_BYTES", 40)
    log = tmp_path / "gateway.log"
    log.write_text(f"old line\nx the-hmac-secret-of-thirty-two-bytes!\nlast {TOKEN[:9]}\n")
    (tmp_path / "holdfast.yaml").write_text(yaml.safe_dump({**SETTINGS, "log": {"file": str(log)}}))
    cli("diagnose", "bundle", "--output", str(tmp_path / "b.tar.gz"))
    log.unlink()
    missing = cli("diagnose", "bundle", "--output", str(tmp_path / "c.tar.gz"), "--json").json()["missing"]

    assert unpacked(tmp_path / "b.tar.gz")["log.txt"] == "last eyJ********\n"
    assert "No such file" in missing["log.txt"]


def test_bundle_without_gateway(cli, fake_gateway, tmp_path):
    """What needs none is there all the same."""
    fake_gateway.is_down = True
    cli("diagnose", "bundle", "--output", str(tmp_path / "b.tar.gz"))
    files = unpacked(tmp_path / "b.tar.gz")

    assert "settings.json" in files
    assert "no gateway answered" in json.loads(files["manifest.json"])["missing"]["metrics.txt"]


def test_bundle_of_settings_that_cannot_be_used(cli, fake_gateway, tmp_path):
    """That is when it is needed most: the faults are in it, without the secrets."""
    (tmp_path / "holdfast.yaml").write_text(yaml.safe_dump({**SETTINGS, "prot": 1}))
    outcome = cli("diagnose", "bundle", "--output", str(tmp_path / "b.tar.gz"))
    files = unpacked(tmp_path / "b.tar.gz")

    assert outcome.code == 0
    assert "prot" in files["settings_faults.txt"]
    missing = json.loads(files["manifest.json"])["missing"]
    assert "the settings cannot be used" in missing["settings.json"]
    # Nobody else is asked, such as a gateway that other settings in this folder name.
    assert "--url" in missing["metrics.txt"]
    assert not [text for text in files.values() if "the-" in text and "secret-of" in text]


def test_bundle_writes_over_nothing(cli, gateway, tmp_path):
    """A file that is there, and a folder that is not."""
    path = tmp_path / "b.tar.gz"
    path.write_text("mine")

    assert cli("diagnose", "bundle", "--output", str(path)).code == 3
    assert path.read_text() == "mine"
    assert cli("diagnose", "bundle", "--output", str(tmp_path / "no" / "b.tar.gz")).code == 3
