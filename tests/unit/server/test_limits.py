"""Descriptors and backlog."""

import resource

import pytest

from holdfast.server.limits import effective_backlog, raise_descriptor_limit


def test_descriptor_limit_is_raised_to_the_hard_one(monkeypatch):
    """The soft limit becomes the hard one."""
    limits = [(1024, 4096)]
    monkeypatch.setattr(resource, "getrlimit", lambda which: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda which, new: limits.append(new))

    assert raise_descriptor_limit() == (4096, 4096)


@pytest.mark.parametrize("error", [OSError, ValueError])
def test_descriptor_limit_that_cannot_be_raised_stays(monkeypatch, error):
    """A system that refuses leaves what there was."""

    def refuse(which, new):
        raise error("no")

    monkeypatch.setattr(resource, "getrlimit", lambda which: (256, -1))
    monkeypatch.setattr(resource, "setrlimit", refuse)

    assert raise_descriptor_limit() == (256, -1)


def test_descriptor_limit_that_is_high_enough_is_left_alone(monkeypatch):
    """Equal limits are not set again."""
    monkeypatch.setattr(resource, "getrlimit", lambda which: (4096, 4096))
    monkeypatch.setattr(resource, "setrlimit", lambda which, new: pytest.fail("not needed"))

    assert raise_descriptor_limit() == (4096, 4096)


@pytest.mark.parametrize(("text", "granted"), [("128\n", 128), ("65535", 4096), ("", 4096)])
def test_backlog_is_capped_by_the_kernel(tmp_path, text, granted):
    """Somaxconn is the cap; where it cannot be read, what was asked is believed."""
    path = tmp_path / "somaxconn"
    path.write_text(text)

    assert effective_backlog(4096, path) == granted


def test_backlog_without_the_kernel_file(tmp_path):
    """Systems without /proc say nothing."""
    assert effective_backlog(4096, tmp_path / "missing") == 4096
