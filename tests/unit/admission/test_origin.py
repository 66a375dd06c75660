import pytest

from holdfast.admission.origin import OriginPolicy


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://app.example.com", "app.example.com"),
        ("https://app.example.com", "app.example.com:443"),
        ("http://app.example.com:80", "app.example.com"),
        ("http://localhost:8000", "localhost:8000"),
        ("HTTPS://APP.example.com", "app.EXAMPLE.com"),
        ("http://[::1]:8000", "[::1]:8000"),
    ],
)
def test_refusal_same_origin(origin, host):
    """A page of the same host and port may connect without any list."""
    assert OriginPolicy([]).refusal([origin], host) is None


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://evil.example", "app.example.com"),
        ("http://localhost:3000", "localhost:8000"),
        ("https://app.example.com.evil.example", "app.example.com"),
        ("https://app.example.com@evil.example", "app.example.com"),
        ("https://evil.example/app.example.com", "app.example.com"),
        ("null", "app.example.com"),
        ("", "app.example.com"),
        ("https://", ""),
        ("app.example.com", "app.example.com"),
        ("https://a b", "a b"),
    ],
)
def test_refusal_other_origin(origin, host):
    """Any other page is refused, and so is an Origin that is none."""
    assert OriginPolicy([]).refusal([origin], host) is not None


def test_refusal_without_origin():
    """A client that is no browser sends no Origin and is let in."""
    assert OriginPolicy(["https://app.example.com"]).refusal([], "x") is None


def test_refusal_two_origins():
    """Two Origin headers are a trick, not a browser."""
    policy = OriginPolicy(["*"])

    assert policy.refusal(["https://a.example", "https://b.example"], "x") == "expected one Origin header, came 2"


@pytest.mark.parametrize(
    ("pattern", "origin", "admitted"),
    [
        ("https://app.example.com", "https://app.example.com", True),
        ("https://APP.example.com", "https://app.example.COM", True),
        ("https://app.example.com", "http://app.example.com", False),
        ("https://app.example.com", "https://app.example.com:8443", False),
        ("https://*.example.com", "https://a.b.example.com", True),
        ("https://*.example.com", "https://example.com", False),
        ("https://*.example.com", "https://evilexample.com", False),
        ("https://*.example.com", "https://evil.com/.example.com", False),
        ("https://app?.example.com", "https://app2.example.com", True),
        ("https://app.example.com", "https://appxexample.com", False),
        ("http://localhost:*", "http://localhost:3000", True),
        ("*", "https://anything.example", True),
        ("null", "null", True),
        ("*", "garbage", False),
    ],
)
def test_refusal_patterns(pattern, origin, admitted):
    """A pattern admits whole origins, with wildcards that stay within one."""
    assert (OriginPolicy([pattern]).refusal([origin], "gateway.example") is None) is admitted


def test_origin_policy_empty_pattern():
    """An empty pattern is a fault at once."""
    with pytest.raises(ValueError):
        OriginPolicy([" "])


def test_refusal_bounded():
    """The reason quotes only the start of what came."""
    reason = OriginPolicy([]).refusal(["https://" + "a" * 5000], "h" * 5000)

    assert reason is not None
    assert len(reason) < 600
