from __future__ import annotations

import json

from holdfast.verify.collect import document, haproxy, instances, redis


def test_document_has_what_was_asked_for_and_no_more(monkeypatch, tmp_path):
    """Listeners go to the instance whose sockets they are; programs are asked only where that is wanted."""
    running = {"unit": "", "pid": 0, "sockets": [5]}
    hidden = {"unit": "", "pid": None, "sockets": None}
    monkeypatch.setattr(instances, "instances", lambda pattern, names: ([dict(hidden), dict(running)], "no systemd"))
    monkeypatch.setattr(document.resources_listeners, "read_listeners", lambda: [(5, 8000, 4096, 0), (6, 22, 128, 0)])
    monkeypatch.setattr(redis, "redis", lambda keys, path: {"keys": keys, "path": path})
    monkeypatch.setattr(haproxy, "haproxy", lambda path: {"path": path})
    request = {"sysctls": ["net.core.somaxconn"], "files": [str(tmp_path), "/none"], "redis": ["a"], "haproxy": ["b"]}

    found = document.collect(request | {"redis_password_file": "p", "haproxy_socket": "s"})

    assert [one["listeners"] for one in found["instances"]] == [None, [{"port": 8000, "backlog": 4096}]]
    assert found["files"] == {str(tmp_path): "present", "/none": "absent"}
    assert found["reasons"]["units"] == "no systemd"
    assert found["redis"] == {"keys": ["a"], "path": "p"}
    assert found["haproxy"] == {"path": "s"}
    assert "redis" not in document.collect({})


def test_value_that_is_empty_in_the_namespace_is_no_missing_one(monkeypatch):
    """Only of a key that a namespace lacks the machine's is taken."""
    inside = {"sysctls": {"a": "", "b": None}, "counters": {}, "listeners": [], "namespace": "net:[1]"}
    monkeypatch.setattr(document.namespaces, "read_in", lambda pid, reader: (inside, ""))
    monkeypatch.setattr(document.kernel_values, "values", lambda keys: dict.fromkeys(keys, "ours"))

    assert document._kernel({"sysctls": ["a", "b"]}, [], {})["sysctls"] == {"a": "", "b": "ours"}


def test_counters_are_read_twice(monkeypatch):
    """What grew between both readings is told beside the sum."""
    readings = iter([{"a": 1}, {"a": 3, "b": 5}])
    waited = []
    monkeypatch.setattr(document.counters, "counters", lambda: next(readings))
    monkeypatch.setattr(document.time, "sleep", waited.append)

    found = document._network([], 2.0)

    assert found["counters"] == {
        "a": {"total": 3, "grown": 2, "seconds": 2.0},
        "b": {"total": 5, "grown": 0, "seconds": 2.0},
    }
    assert found["namespace"].startswith("net:")
    assert waited == [2.0]


def test_counters_without_a_wait_have_no_growth(monkeypatch):
    """Two readings at once are one."""
    monkeypatch.setattr(document.counters, "counters", lambda: {"a": 3})

    assert document._network([], 0)["counters"] == {"a": {"total": 3, "grown": None, "seconds": 0}}


def test_main_prints_one_document_and_refuses_what_is_none(capsys):
    """JSON in, JSON out; anything else is bad usage."""
    assert document.main([]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == 1
    assert document.main(["[]"]) == 3
    assert document.main(["{"]) == 3
    assert "expected one argument" in capsys.readouterr().err
