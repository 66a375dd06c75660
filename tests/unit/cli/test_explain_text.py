from __future__ import annotations

from holdfast.cli.explain_text import printable, text_of
from holdfast.diagnostics.explanation import Explanation, Source
from holdfast.diagnostics.timeline import Entry

NOW = 1_700_000_000.0
CLIENT = "fedcba9876543210fedcba9876543210"


def test_timeline_has_both_sides_causes_and_reach() -> None:
    """One row an entry, what is wrong marked, and under it what to do and how far back one sees."""
    entries = [
        Entry(NOW, "browser", "socket closed", facts={"code": 1006, "kid": "", "iat": None}),
        Entry(NOW + 1, "gateway", "connection_closed", slug="no_pong", client=CLIENT, instance="gw", detail="late"),
    ]
    sources = [Source("gateway.log", NOW - 60, 2), Source("http://x", None, note="no gateway answered")]
    text = text_of(Explanation("user 42", entries, sources, {("refused", "a"): 7, ("lost", ""): 1}))
    lines = text.splitlines()

    assert lines[0] == "user 42: wrong"
    assert lines[3].split() == ["2023-11-14T22:13:20.000Z", "browser", "socket", "closed", "code=1006"]
    assert lines[4].split() == [
        *("2023-11-14T22:13:21.000Z", "!", "gateway", "gw", "connection_closed", "no_pong", CLIENT[:8], "late")
    ]
    assert "no_pong (once at 2023-11-14T22:13:21.000Z): The client answered no ping in time." in text
    assert "gateway.log: back to 2023-11-14T22:12:20.000Z, 2 found" in text
    assert "http://x: could not be looked at: no gateway answered" in text
    assert "7 lines of refused a\n  1 lines of lost" in text


def test_nothing_known_is_not_nothing_happened() -> None:
    """It says so, and where else to look."""
    text = text_of(Explanation("user 42", [], [Source("file", None)]))

    assert "not to say that nothing happened" in text
    assert "file: has nothing, 0 found" in text


def test_values_are_short_and_readable() -> None:
    """Seconds with sixteen digits and Python's braces are for nobody."""
    facts = {"timings": {"upgrade": 0.0036878, "command": 1.5}, "offsets": {"news": 3}, "quiet": 92.0671234}

    text = text_of(Explanation("user 42", [Entry(NOW, "gateway", "connection_closed", facts=facts)], [], {}))

    assert "timings=upgrade:0.0037,command:1.5 offsets=news:3 quiet=92.0671" in text


def test_hostile_text_moves_no_cursor() -> None:
    """What a client or a page chose stays on its line."""
    entries = [Entry(NOW, "browser", "a\nb\x1b[2J", facts={"x\r": "\x07" * 300, "n": {"k": "\x1b"}})]
    text = text_of(Explanation("user 4\n2", entries, []))

    assert "\x1b" not in text
    assert "\x07" not in text
    assert "a\\nb\\x1b[2J" in text
    assert printable("plain") == "plain"
