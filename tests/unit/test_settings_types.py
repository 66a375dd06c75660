"""The special types of settings say what they take."""

import pytest
from pydantic import TypeAdapter, ValidationError

from holdfast.settings_types import (
    ApiKey,
    ChannelRegex,
    CookieName,
    Duration,
    Moment,
    Network,
    OptionalPath,
    Origin,
    WebAddress,
    compile_channel_regex,
    parse_duration,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("300ms", 0.3), ("30s", 30.0), ("5m", 300.0), ("1h30m", 5400.0), ("2d", 172800.0), ("1.5s", 1.5), ("25", 25.0)],
)
def test_duration_text_becomes_seconds(text: str, seconds: float) -> None:
    """Texts with units are sums of seconds."""
    assert TypeAdapter(Duration).validate_python(text) == pytest.approx(seconds)


@pytest.mark.parametrize("value", ["", "5x", "s", "-5s", "5 s", "1s2", "nan", -1, float("inf"), "1e3"])
def test_duration_of_something_else_is_refused(value: object) -> None:
    """What is no sum of numbers with units, negative or endless is no duration."""
    with pytest.raises(ValidationError):
        TypeAdapter(Duration).validate_python(value)


def test_parse_duration_leaves_numbers_alone() -> None:
    """Numbers are for the type check."""
    assert parse_duration(5) == 5
    assert parse_duration(None) is None


GOOD = [
    (Origin, "https://app.example"),
    (Origin, "https://*.app.example:8443"),
    (Origin, "*"),
    (Origin, "null"),
    (Origin, "capacitor://localhost"),
    (Network, "10.0.0.0/8"),
    (Network, "2001:db8::/32"),
    (Network, "127.0.0.1"),
    (Moment, ""),
    (Moment, "2027-01-31T12:00:00Z"),
    (Moment, "2027-01-31T12:00:00+02:00"),
    (WebAddress, ""),
    (WebAddress, "http://127.0.0.1:8080/keys"),
    (CookieName, ""),
    (CookieName, "__Host-session.id"),
]
BAD = [
    (Origin, "app.example"),
    (Origin, "https://app.example/"),
    (Origin, "https://app.example/path"),
    (Origin, "https://user@app.example"),
    (Origin, ""),
    (Network, "10.0.0.1/8"),
    (Network, "localhost"),
    (Moment, "2027-01-31"),
    (Moment, "2027-01-31T12:00:00"),
    (Moment, "tomorrow"),
    (WebAddress, "ftp://x/keys"),
    (WebAddress, "https://"),
    (WebAddress, "https://x:99999/"),
    (WebAddress, "https://[x/"),
    (CookieName, "a b"),
    (CookieName, "a=b"),
    (ApiKey, ""),
]


@pytest.mark.parametrize(("kind", "value"), GOOD)
def test_type_takes_what_it_is_for(kind: object, value: str) -> None:
    """Values of everyday use pass unchanged."""
    assert TypeAdapter(kind).validate_python(value) == value


@pytest.mark.parametrize(("kind", "value"), BAD)
def test_type_refuses_what_would_never_match(kind: object, value: str) -> None:
    """Values that could only fail silently later are refused now."""
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(value)


def test_optional_path_takes_empty_for_none() -> None:
    """An empty variable unsets a path."""
    assert TypeAdapter(OptionalPath).validate_python("") is None


@pytest.mark.parametrize("pattern", ["(", "(?=x)", r"(a)\1", "x{1000000}"])
def test_channel_regex_that_re2_refuses_is_a_fault(pattern: str, capfd: pytest.CaptureFixture[str]) -> None:
    """The reason is RE2's, and stands in the fault alone."""
    with pytest.raises(ValidationError, match="expected a regular expression that RE2 takes; "):
        TypeAdapter(ChannelRegex).validate_python(pattern)

    assert capfd.readouterr() == ("", "")


def test_channel_regex_is_searched_for() -> None:
    """A pattern may match anywhere unless it says otherwise; none is no fault."""
    assert TypeAdapter(ChannelRegex).validate_python("") == ""
    assert compile_channel_regex("b")("abc")
    assert not compile_channel_regex("^b")("abc")
