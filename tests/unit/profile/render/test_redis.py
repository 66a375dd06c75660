"""Tests of holdfast.profile.render.redis."""

from holdfast.profile import render


def settings(text):
    """Read lines of a configuration of Redis."""
    return dict(line.split(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))


def test_redis_forgets_nothing_by_itself(production, facts):
    """Its limits are calculated, and nothing is evicted."""
    found = settings(render("redis", production, facts))

    assert found["maxmemory"] == str(8 * 1024**3)
    assert found["maxmemory-policy"] == "noeviction"
    assert found["maxclients"] == "10000"


def test_sentinel_is_faster_than_the_gateways_patience(production, facts):
    """A master counts as dead long before instances say that they are not ready."""
    lines = render("sentinel", production, facts).splitlines()

    assert "sentinel down-after-milliseconds mymaster 5000" in lines
