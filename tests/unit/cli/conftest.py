"""Runs the command line inside the test, in an empty folder and without settings from outside."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from holdfast.cli.program import run


@dataclass(frozen=True)
class Outcome:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Return its result as data."""
        return json.loads(self.out)


@pytest.fixture(autouse=True)
def empty_surroundings(tmp_path, monkeypatch):
    """Neither settings files nor variables of the person who runs the tests count."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("HOLDFAST_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def cli(capsys) -> Callable[..., Outcome]:
    """Run one command line."""

    def invoke(*arguments: str) -> Outcome:
        code = run(arguments)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return invoke


@dataclass
class FakeGateway:
    """Answers HTTP requests in place of the network, and remembers them."""

    answers: dict[str, httpx.Response] = field(default_factory=dict)
    requests: list[httpx.Request] = field(default_factory=list)
    is_down: bool = False

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer a request by its path, 404 for an unknown one."""
        self.requests.append(request)
        if self.is_down:
            raise httpx.ConnectError("connection refused", request=request)
        return self.answers.get(request.url.path, httpx.Response(404, json={}))

    def result(self, method: str, result: dict[str, Any]) -> None:
        """Let an API method succeed."""
        self.answers[f"/api/{method}"] = httpx.Response(200, json={"result": result})

    def sent(self) -> Any:
        """Return the JSON body of the last request."""
        return json.loads(self.requests[-1].content)


@pytest.fixture
def fake_gateway(monkeypatch) -> FakeGateway:
    """Stand in for a gateway's HTTP side."""
    fake = FakeGateway()
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", lambda _self, request: fake.handle(request))
    return fake
