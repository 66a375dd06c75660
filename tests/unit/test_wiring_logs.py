from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from holdfast import wiring_logs
from holdfast.broker.tables import MemoryTables
from holdfast.settings_logs import LogSettings
from holdfast.transports.websocket import as_it_came
from tests.asgi import call

ATTEMPT = "0123456789abcdef0123456789abcdef"
CLIENT = "fedcba9876543210fedcba9876543210"


async def test_left_out_lines_are_reported_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every few seconds, for as long as the instance runs."""
    reports, pauses = [], []
    monkeypatch.setattr(wiring_logs, "report_left_out", lambda: reports.append(1))

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) > 3:
            raise EOFError

    with pytest.raises(EOFError):
        await wiring_logs.report_left_out_forever(sleep)

    assert len(reports) == 3
    assert set(pauses) == {wiring_logs.REPORT_SECONDS}


def core_of(wall: float = 1_700_000_000.0) -> Any:
    """Return what the door needs of a core."""
    connections = {CLIENT: SimpleNamespace(user="anna")}
    manager = SimpleNamespace(connections=connections)
    return SimpleNamespace(manager=manager, clock=lambda: 0.0, wall_clock=lambda: wall, issue_log_token=None)


async def test_door_takes_the_tokens_that_the_core_gives(capsys: pytest.CaptureFixture[str]) -> None:
    """What a connect reply brings opens the door, and the line names the connection's user."""
    core = core_of()
    door = wiring_logs.client_logs(LogSettings(), core, as_it_came)[wiring_logs.CLIENT_LOGS_PATH]
    token = core.issue_log_token(ATTEMPT, CLIENT)
    body = b'{"log_token":"%s","lines":[{"t":1,"event":"a"}]}' % token.encode()
    answer = await call(door, "POST", body=body)

    assert answer.status == 200
    assert '"user": "anna"' in capsys.readouterr().err

    unknown = core.issue_log_token(ATTEMPT, ATTEMPT)
    await call(door, "POST", body=body.replace(token.encode(), unknown.encode()))
    assert '"user"' not in capsys.readouterr().err


async def test_instances_with_one_secret_take_each_others_tokens() -> None:
    """And with none they do not."""
    statuses = []
    for secret in ("s" * 32, ""):
        settings = LogSettings(client_token_secret=secret)
        cores = [core_of(), core_of()]
        doors = [wiring_logs.client_logs(settings, core, as_it_came)[wiring_logs.CLIENT_LOGS_PATH] for core in cores]
        token = cores[0].issue_log_token(ATTEMPT, "")
        body = b'{"log_token":"%s","lines":[{"t":1,"event":"a"}]}' % token.encode()
        statuses.append((await call(doors[1], "POST", body=body)).status)

    assert statuses == [200, 403]


def test_door_can_be_switched_off() -> None:
    """Then nobody is given tokens either."""
    core = core_of()

    assert wiring_logs.client_logs(LogSettings(client_enabled=False), core, as_it_came) == {}
    assert core.issue_log_token is None


async def test_instances_of_one_broker_take_each_others_tokens() -> None:
    """Without a secret in the settings each has its own, which it shares; with one there is nothing to share."""
    broker = SimpleNamespace(is_shared=True, tables=MemoryTables(lambda: 0.0))
    cores, doors = [], []
    for name in ("here", "there"):
        core = core_of()
        core.broker, core.instance = broker, name
        secrets = wiring_logs.log_secrets(LogSettings(), core)
        assert secrets is not None
        await secrets.share()
        cores.append(core)
        doors.append(wiring_logs.client_logs(LogSettings(), core, as_it_came, secrets=secrets))
    statuses = []
    for core in cores:
        token = core.issue_log_token(ATTEMPT, "")
        body = b'{"log_token":"%s","lines":[{"t":1,"event":"a"}]}' % token.encode()
        statuses.append((await call(doors[1][wiring_logs.CLIENT_LOGS_PATH], "POST", body=body)).status)

    assert statuses == [200, 200]
    assert wiring_logs.log_secrets(LogSettings(client_token_secret="s" * 32), cores[0]) is None
    assert wiring_logs.log_secrets(LogSettings(client_enabled=False), cores[0]) is None
