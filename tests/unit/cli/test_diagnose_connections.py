from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from holdfast.diagnostics.findings import Diagnosis, Finding
from holdfast.settings import Settings
from holdfast.wiring_paths import CONNECTIONS_PATH, gateway_terms

TESTED = Path(__file__).parents[2] / "proxies"
CUTTING = "defaults\n timeout client 3s\n timeout server 60s\nlisten l\n server s 10.0.0.1:{port}\n"


def answer(**settings: object) -> httpx.Response:
    """Answer as an instance with these settings that has nothing to complain of."""
    terms = gateway_terms(Settings.model_validate(settings))
    diagnosis = Diagnosis("connections", (Finding("early_ends", "ok", "None."),), {"terms": terms.as_json()})
    return httpx.Response(200, json=diagnosis.as_json())


def test_connections_are_asked_of_the_gateway(cli, fake_gateway) -> None:
    """The instance's diagnosis is printed, its exit code is the command's."""
    fake_gateway.answers[CONNECTIONS_PATH] = answer()
    outcome = cli("diagnose", "connections", "--admin-token", "t")

    assert (outcome.code, "early_ends" in outcome.out) == (0, True)
    assert fake_gateway.requests[0].headers["authorization"] == "Bearer t"


def test_connections_with_files_that_suit(cli, fake_gateway) -> None:
    """The configurations that the tests run pass."""
    fake_gateway.answers[CONNECTIONS_PATH] = answer()
    nginx, haproxy = str(TESTED / "nginx.conf"), str(TESTED / "haproxy.cfg")
    outcome = cli("diagnose", "connections", "--admin-token", "t", "--nginx", nginx, "--haproxy", haproxy, "--json")

    assert outcome.code == 0
    assert [one["check"] for one in outcome.json()["findings"]] == ["early_ends", "nginx", "haproxy"]


def test_connections_with_a_file_that_cuts(cli, fake_gateway, tmp_path) -> None:
    """Files are compared with what the instance runs with, not with the settings at hand."""
    file = tmp_path / "haproxy.cfg"
    file.write_text(CUTTING.format(port=9000))
    fake_gateway.answers[CONNECTIONS_PATH] = answer(port=9000)
    outcome = cli("diagnose", "connections", "--admin-token", "t", "--haproxy", str(file))

    assert outcome.code == 2
    assert "proxy_idle_cut: Raise `timeout client` above 33 s" in outcome.out


def test_connections_without_a_gateway_look_at_files(cli, fake_gateway, tmp_path) -> None:
    """Before the first start, files and settings can be compared."""
    fake_gateway.is_down = True
    good = cli("diagnose", "connections", "--haproxy", str(TESTED / "haproxy.cfg"), "--json")
    assert good.code == 4
    assert {one["check"]: one["severity"] for one in good.json()["findings"]} == {"asked": "unknown", "haproxy": "ok"}
    file = tmp_path / "haproxy.cfg"
    file.write_text(CUTTING.format(port=8000))

    assert cli("diagnose", "connections", "--haproxy", str(file)).code == 2


def test_connections_without_a_gateway_and_files_cannot_tell(cli, fake_gateway) -> None:
    """There is nothing to look at."""
    fake_gateway.is_down = True

    assert cli("diagnose", "connections").code == 4


@pytest.mark.parametrize("files", [(), ("--nginx", str(TESTED / "nginx.conf"))])
def test_connections_refused_are_not_guessed_at(cli, fake_gateway, files) -> None:
    """A wrong token is told, with files too, and is no verdict on connections."""
    body = {"slug": "admin_token_invalid", "message": "no"}
    fake_gateway.answers[CONNECTIONS_PATH] = httpx.Response(403, json=body)
    outcome = cli("diagnose", "connections", "--admin-token", "wrong", *files)

    assert outcome.code == 4
    assert "admin_token_invalid" in outcome.err


def test_connections_of_another_version_are_told(cli, fake_gateway) -> None:
    """An answer that is no diagnosis is not printed as one."""
    fake_gateway.answers[CONNECTIONS_PATH] = httpx.Response(200, json={"findings": 1})

    assert cli("diagnose", "connections", "--admin-token", "t").code == 4


def test_connections_with_odd_files_are_findings(cli, fake_gateway, tmp_path) -> None:
    """Missing, empty and binary files are told and nothing breaks."""
    fake_gateway.answers[CONNECTIONS_PATH] = answer()
    (tmp_path / "binary").write_bytes(b"\0\1\2")
    (tmp_path / "empty").touch()
    for name in ("binary", "empty", "missing"):
        path = str(tmp_path / name)
        outcome = cli("diagnose", "connections", "--admin-token", "t", "--nginx", path, "--haproxy", path, "--json")
        assert outcome.code == 4
        assert {one["severity"] for one in outcome.json()["findings"]} == {"ok", "unknown"}
