from __future__ import annotations

import pytest

from holdfast.verify.collect import commands, processes, redis


class Link:
    """A connection that gives prepared answers and keeps what was said."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.said = b""

    def sendall(self, data):
        self.said += data

    def recv(self, _):
        return self.answers.pop(0) if self.answers else b""


def test_settings_are_asked_for_after_the_password():
    """Answers may come in pieces; a name that Redis does not know is left out."""
    link = Link(b"+O", b"K\r\n", b"*2\r\n$10\r\nmaxclients\r\n$5\r\n10", b"000\r\n*0\r\n")

    assert redis.Conversation(link).settings(["maxclients", "x"], "secret") == {"maxclients": "10000"}
    assert link.said.startswith(b"*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n")


@pytest.mark.parametrize(
    ("answer", "said"),
    [(b"-NOAUTH Authentication required.\r\n", "NOAUTH"), (b"HTTP/1.1 400\r\n", "another program"), (b"", "closed")],
)
def test_refusal_is_named(answer, said):
    """Redis' own words, another program on its port, a connection that ends."""
    with pytest.raises(ValueError, match=said):
        redis.Conversation(Link(answer)).settings(["maxclients"], "")


def test_refusal_that_repeats_the_password_is_told_without_it():
    """Redis repeats what follows a command that it does not know."""
    link = Link(b"-ERR unknown command 'AUTH', with args beginning with: 'hidden' \r\n")

    with pytest.raises(ValueError, match="unknown command") as caught:
        redis.Conversation(link).settings(["maxclients"], "hidden")
    assert "hidden" not in str(caught.value)


def test_other_kinds_of_answer_are_read():
    """Numbers and nothing."""
    assert redis.Conversation(Link(b":1\r\n")).ask("X") == "1"
    assert redis.Conversation(Link(b"$-1\r\n")).ask("X") is None


def test_host_without_redis_says_so(monkeypatch, tmp_path):
    """No process is one reason, nothing that answers another; a password is never in it."""
    monkeypatch.setattr(processes, "running", lambda *words: [])
    none = redis.redis(["maxclients"])
    conf, secret = tmp_path / "redis.conf", tmp_path / "secret"
    conf.write_text("port 0\nunixsocket /no/such.sock\nrequirepass hidden\n")
    secret.write_text("hidden\n")
    monkeypatch.setattr(processes, "running", lambda *words: [1])
    monkeypatch.setattr(processes, "arguments", lambda pid: ["redis-server 127.0.0.1:6379"])
    monkeypatch.setattr(commands, "answer", lambda *words: (f"{{ argv[]=redis-server {conf} ; }}", ""))
    silent = redis.redis(["maxclients"], str(secret))

    assert none == {"missing": "no process redis-server runs here"}
    assert "did not answer" in silent["missing"]
    assert "hidden" not in str(silent)


def test_address_is_the_one_that_it_listens_on(monkeypatch):
    """The first of its addresses, or this host where it listens on all of them."""
    asked = []
    monkeypatch.setattr(redis.socket, "create_connection", lambda place, timeout: asked.append(place))
    redis.connected({"bind": "10.0.0.5 -::1", "port": "7000"})
    redis.connected({"bind": "0.0.0.0"})
    redis.connected({})

    assert asked == [("10.0.0.5", 7000), ("127.0.0.1", 6379), ("127.0.0.1", 6379)]
