"""`holdfast drain`, against a gateway that is played."""

import itertools

import httpx
import pytest

from holdfast.cli import drain

PLACE = ("--url", "http://127.0.0.1:1", "--admin-token", "word")
STATUS = {
    "instance": "here", "state": "serving", "connections": 7, "reason": "", "total": 0, "rate": 0.0,
    "seconds_left": 0.0, "asked": 0, "moved": 0, "overdue": 0, "closed": 0, "has_peers": True,
}  # fmt: skip
DRAINING = {**STATUS, "state": "draining", "total": 9, "closed": 1, "moved": 1, "seconds_left": 4.0}
DRAINED = {**DRAINING, "state": "drained", "connections": 0, "seconds_left": 0.0}


@pytest.fixture
def gateway(fake_gateway, monkeypatch):
    """A gateway that drains, and a command that does not sleep."""
    monkeypatch.setattr(drain, "POLL_SECONDS", 0)
    fake_gateway.answers["/admin/drain"] = httpx.Response(200, json={**DRAINING, "has_changed": True})
    return fake_gateway


def statuses(gateway, monkeypatch, *found):
    """Let the gateway answer the order, then these, the last one for good."""
    ordered = gateway.handle
    queue = itertools.chain(found, itertools.repeat(found[-1]))

    def handle(request):
        if request.method == "POST":
            return ordered(request)
        answer = next(queue)
        if answer is None:
            raise httpx.ConnectError("refused", request=request)
        return httpx.Response(200, json=answer)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", lambda _self, request: handle(request))


def test_start(cli, gateway):
    """The order goes to the admin path; what is left is told."""
    outcome = cli("drain", "start", "--window", "60", "--reason", "kernel", *PLACE)

    assert outcome.code == 0
    assert outcome.out == "here is draining: 7 of 9 connection(s) left, 4 s to go; 1 moved, 1 closed.\n"
    assert gateway.sent() == {"window": 60.0, "reason": "kernel"}


def test_start_says_what_an_operator_may_not_expect(cli, gateway):
    """A second order changes nothing, and an instance without peers leaves its clients outside."""
    answer = {**DRAINING, "has_changed": False, "has_peers": False}
    gateway.answers["/admin/drain"] = httpx.Response(200, json=answer)
    outcome = cli("drain", "start", "--json", *PLACE)

    assert outcome.code == 0
    assert "goes on as it is" in outcome.err
    assert "no peers" in outcome.err
    assert outcome.json() == answer
    assert gateway.sent() == {}


def test_start_and_wait(cli, gateway, monkeypatch):
    """With --wait it ends when nobody is left, each change told once."""
    statuses(gateway, monkeypatch, DRAINING, DRAINING, DRAINED)
    outcome = cli("drain", "start", "--wait", *PLACE)

    assert outcome.code == 0
    assert outcome.err.count("draining") == 1
    assert outcome.out == "here is drained: 0 of 9 connection(s) left; 1 moved, 1 closed.\n"


@pytest.mark.parametrize(("last", "code"), [(STATUS, 2), (None, 4)])
def test_start_and_wait_in_vain(cli, gateway, monkeypatch, last, code):
    """A drain that somebody cancelled is no success, nor is an instance that is gone."""
    statuses(gateway, monkeypatch, DRAINING, last)

    assert cli("drain", "start", "--wait", *PLACE).code == code


def test_status(cli, gateway):
    """0 while it serves, 1 while it does not."""
    assert cli("drain", "status", *PLACE).code == 1
    gateway.answers["/admin/drain"] = httpx.Response(200, json=STATUS)
    outcome = cli("drain", "status", *PLACE)

    assert (outcome.code, outcome.out) == (0, "here serves 7 connection(s).\n")
    assert cli("drain", "status", "--json", *PLACE).json() == STATUS


def test_cancel(cli, gateway):
    """It goes to a path of its own; where there is no drain that is said."""
    gateway.answers["/admin/drain/cancel"] = httpx.Response(200, json={**STATUS, "has_changed": True})
    assert cli("drain", "cancel", *PLACE).code == 0
    gateway.answers["/admin/drain/cancel"] = httpx.Response(200, json={**STATUS, "has_changed": False})

    assert "no drain" in cli("drain", "cancel", *PLACE).err


def test_drain_refused_and_unreachable(cli, gateway):
    """A refusal is 2, no answer 4."""
    refusal = {"slug": "shutting_down", "message": "The instance is stopping."}
    gateway.answers["/admin/drain"] = httpx.Response(503, json=refusal)
    assert cli("drain", "start", *PLACE).code == 2
    gateway.is_down = True
    assert cli("drain", "status", *PLACE).code == 4
