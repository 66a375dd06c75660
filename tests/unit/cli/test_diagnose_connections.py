from __future__ import annotations

import httpx

from holdfast.diagnostics.findings import Diagnosis, Finding
from holdfast.settings import Settings
from holdfast.wiring_paths import CONNECTIONS_PATH, gateway_terms


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


def test_connections_without_a_gateway_and_files_cannot_tell(cli, fake_gateway) -> None:
    """There is nothing to look at."""
    fake_gateway.is_down = True

    assert cli("diagnose", "connections").code == 4


def test_connections_refused_are_told(cli, fake_gateway) -> None:
    """A wrong token is no diagnosis."""
    body = {"slug": "admin_token_invalid", "message": "no"}
    fake_gateway.answers[CONNECTIONS_PATH] = httpx.Response(403, json=body)
    outcome = cli("diagnose", "connections", "--admin-token", "wrong")

    assert outcome.code == 2
    assert "admin_token_invalid" in outcome.err


def test_connections_of_another_version_are_told(cli, fake_gateway) -> None:
    """An answer that is no diagnosis is not printed as one."""
    fake_gateway.answers[CONNECTIONS_PATH] = httpx.Response(200, json={"findings": 1})

    assert cli("diagnose", "connections", "--admin-token", "t").code == 4
