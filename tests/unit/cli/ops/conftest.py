"""Three instances that are played: what they answer, how their processes live, and a clock that only sleeping moves."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from holdfast.cli.ops import fleet as fleets
from holdfast.cli.ops import rails
from holdfast.cli.ops.inventory import Record
from holdfast.cli.ops.ssh import SshHost

TOKEN = "word"
MORE = ("--yes", "--reason", "a drill")


@dataclass
class Instance:
    """One of them; `problems` are done to it by tests."""

    name: str
    url: str
    connections: int = 100
    state: str = "serving"
    is_up: bool = True
    is_ready: bool = True
    gets_ready: bool = True
    uid: int = 1
    failure: str = ""
    excess: int = 0
    orders: list[tuple[str, Any]] = field(default_factory=list)
    notes: list[dict[str, str]] = field(default_factory=list)
    keys: list[dict[str, Any]] = field(default_factory=list)


class Played:
    """All of them; `answers` are given in place of usual ones, by path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        names = [f"gateway-{number}" for number in (1, 2, 3)]
        self.instances = {name: Instance(name, f"http://127.0.0.1:{index + 1}") for index, name in enumerate(names)}
        self.answers: dict[str, Any] = {}
        self.now = 0.0
        self.done: list[str] = []
        self.token = TOKEN
        self.chosen = 0
        self.left: list[int] = []
        self.missing: list[str] = []
        self.file = folder / "instances.yaml"
        self.audit = folder / "audit.jsonl"
        self.write()

    def __getitem__(self, number: int) -> Instance:
        return self.instances[f"gateway-{number}"]

    def write(self, **more: Any) -> None:
        """Write the instances file."""
        (self.folder / "token").write_text(TOKEN)
        records = [{"name": one.name, "url": one.url, **more} for one in self.instances.values()]
        known = {"admin_token_file": "token", "audit_log": "audit.jsonl", "instances": records}
        self.file.write_text(yaml.safe_dump(known))

    @property
    def options(self) -> tuple[str, ...]:
        """What leads a script here."""
        return ("--instances", str(self.file))

    def lines(self) -> list[dict[str, Any]]:
        """Return the audit lines."""
        return [json.loads(line) for line in self.audit.read_text().splitlines()] if self.audit.exists() else []

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        one = next(one for one in self.instances.values() if request.url.port == int(one.url.rpartition(":")[2]))
        if not one.is_up:
            raise httpx.ConnectError("connection refused", request=request)
        path = request.url.path
        if path == "/readyz":
            return httpx.Response(200 if one.is_ready and one.state == "serving" else 503, text="broker: away")
        if path in {"/livez", "/startupz", "/metrics"}:
            return httpx.Response(200, text="ok")
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return httpx.Response(401, json={"slug": "admin_token_invalid", "message": "Another token is expected."})
        body = json.loads(request.content) if request.content else None
        if request.method == "POST":
            one.orders.append((path, body))
        given = self.answers.get(path)
        return httpx.Response(200, json=given if given is not None else self._answer(one, path, request.method, body))

    def _answer(self, one: Instance, path: str, method: str, body: Any) -> Any:
        if path == "/admin/nodes":
            return {"instance": one.name, "nodes": [self._node(each) for each in self.instances.values() if each.is_up]}
        if path == "/admin/actions":
            one.notes.append(body)
            return {"noted": True}
        if path.startswith("/admin/drain"):
            return self._drain(one, path, method)
        if path == "/admin/rebalance":
            return self._rebalance(one, method)
        if path.startswith("/admin/disconnect"):
            return self._disconnect()
        if path == "/admin/keys":
            return {"instance": one.name, "keys": one.keys}
        return {}

    def _node(self, one: Instance) -> dict[str, Any]:
        return {
            "name": one.name,
            "uid": str(one.uid),
            "phase": one.state,
            "connections": one.connections,
            "uptime": 60.0,
        }

    def _drain(self, one: Instance, path: str, method: str) -> dict[str, Any]:
        total = one.connections
        if method == "POST":
            one.state = "serving" if path.endswith("cancel") else "draining"
        elif one.state == "draining":
            one.state = "drained"
            self._spread(one)
        return {
            "instance": one.name, "state": one.state, "connections": one.connections, "reason": "", "total": total,
            "rate": 5.0, "seconds_left": 10.0, "asked": 0, "moved": 0, "overdue": 0, "closed": total, "has_peers": True,
            "has_changed": True,
        }  # fmt: skip

    def _spread(self, one: Instance) -> None:
        others = [each for each in self.instances.values() if each is not one and each.is_up]
        for each in others:
            each.connections += one.connections // len(others)
        one.connections = 0

    def _rebalance(self, one: Instance, method: str) -> dict[str, Any]:
        if method == "POST":
            one.connections, one.excess = one.connections - one.excess, 0
        counts = {each.name: each.connections for each in self.instances.values()}
        return {
            "instance": one.name, "state": "idle", "instances": counts, "mean": sum(counts.values()) / len(counts),
            "connections": one.connections, "excess": one.excess, "tolerance": 0.1, "total": 10, "left": 0,
        }  # fmt: skip

    def _disconnect(self) -> dict[str, Any]:
        left = self.left.pop(0) if self.left else 0
        standings = {
            one.name: {"connections": one.connections, "chosen": 0, "left": 0, "has_changed": True}
            for one in self.instances.values()
        }
        standings["gateway-1"] |= {"chosen": self.chosen, "left": left}
        return {"instances": standings, "missing": self.missing}


class FakeTarget:
    """The process of a played instance."""

    def __init__(self, played: Played, name: str) -> None:
        self.played = played
        self.name = name

    @property
    def one(self) -> Instance:
        """The instance."""
        return self.played.instances[self.name]

    def check(self) -> None:
        """It can."""

    def stop(self) -> None:
        """End it."""
        self.played.done.append(f"stop {self.name}")
        self.one.is_up = False

    def is_running(self) -> bool:
        """Tell."""
        return self.one.is_up

    def start(self) -> None:
        """Begin it anew."""
        self.played.done.append(f"start {self.name}")
        self.one.is_up, self.one.state, self.one.is_ready = True, "serving", self.one.gets_ready
        self.one.uid += 1

    def failure(self) -> str:
        """Tell what tests let happen."""
        return self.one.failure

    def reload(self) -> None:
        """Read keys."""
        self.played.done.append(f"reload {self.name}")


@pytest.fixture
def played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Played:
    """Three instances that serve 100 connections each."""
    found = Played(tmp_path)

    def target_of(record: Record, host: SshHost | None = None) -> FakeTarget:
        return FakeTarget(found, record.name)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", lambda _self, request: found.handle(request))
    monkeypatch.setattr(rails, "REAL", rails.Time(found.sleep, lambda: found.now))
    monkeypatch.setattr(fleets, "target_of", target_of)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return found
