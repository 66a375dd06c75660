from __future__ import annotations

from holdfast.verify.collect import haproxy, processes


def test_info_is_names_and_values():
    """Lines without a colon are left out."""
    assert haproxy.info("Maxconn: 10\nUlimit-n: 20\n\nnothing\n") == {"Maxconn": "10", "Ulimit-n": "20"}


def test_host_without_haproxy_says_so(monkeypatch):
    """No process, no socket and a socket where nobody listens are three reasons."""
    monkeypatch.setattr(processes, "running", lambda *words: [])
    none = haproxy.haproxy()
    monkeypatch.setattr(processes, "running", lambda *words: [1])
    monkeypatch.setattr(processes, "arguments", lambda pid: ["haproxy"])
    monkeypatch.setattr(haproxy, "SOCKETS", ())
    silent, refused = haproxy.haproxy(), haproxy.haproxy("/no/such.sock")

    assert none["missing"] == "no process haproxy runs here"
    assert "has no stats socket" in silent["missing"]
    assert "/no/such.sock: No such file" in refused["missing"]
