from __future__ import annotations

import os

from holdfast.verify.collect import namespaces


def test_own_namespace_is_read_at_once():
    """Without a process, or with one of our namespace, the reader runs here."""
    assert namespaces.read_in(None, os.getpid) == (os.getpid(), "")
    assert namespaces.read_in(os.getpid(), os.getpid) == (os.getpid(), "")


def test_process_that_cannot_be_seen_is_a_reason():
    """What is read then is our own, and that is said."""
    value, reason = namespaces.read_in(2**30, os.getpid)

    assert value == os.getpid()
    assert "cannot be seen" in reason


def test_namespace_that_cannot_be_entered_is_a_reason(monkeypatch):
    """The process of our own that should go there ends without an answer, and nothing else happens."""
    monkeypatch.setattr(namespaces, "is_other", lambda pid: True)
    value, reason = namespaces.read_in(2**30, lambda: "read")

    assert value == "read"
    assert "cannot be entered" in reason
