"""A failed call says what failed, and whether the backend may have seen it."""

from __future__ import annotations

from holdfast.proxy.caller import CallError


def test_failure_is_taken_for_seen_unless_told() -> None:
    """Only what cannot have been seen may be repeated."""
    error = CallError("proxy_broken", "gone")

    assert (error.slug, error.detail, error.status, error.is_unsent) == ("proxy_broken", "gone", 0, False)
    assert CallError("proxy_refused", "no", is_unsent=True).is_unsent
