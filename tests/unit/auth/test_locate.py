from __future__ import annotations

import pytest

from holdfast.auth.locate import NO_TOKEN, FoundToken, empty_form, locate_token, passed_over_cookie

HEADERS = [(b"Host", b"x"), (b"Authorization", b"Bearer h.h.h"), (b"Cookie", b'a=1; session="c.c.c"; b=2')]


def test_locate_prefers_connect_then_header_then_query_then_cookie() -> None:
    """The first place that has a token wins, and says which it was."""
    assert locate_token("t.t.t", HEADERS, b"token=q.q.q", "session") == FoundToken("t.t.t", "connect")
    assert locate_token(None, HEADERS, b"token=q.q.q", "session") == FoundToken("h.h.h", "header")
    assert locate_token(None, HEADERS[:1], b"cid=1&token=q.q.q", "session") == FoundToken("q.q.q", "query")
    assert locate_token(None, HEADERS[::2], b"", "session") == FoundToken("c.c.c", "cookie")


def test_locate_without_any_place() -> None:
    """No place is the source `none`, which is missing and not empty."""
    assert locate_token(None, [], b"", None) == NO_TOKEN
    assert locate_token(None, [], b"xtoken=1&tokens=2", "session") == NO_TOKEN


@pytest.mark.parametrize("cookie", [b"session=c.c.c", b"a; session= c.c.c ;b=1", b'session="c.c.c"'])
def test_locate_in_cookie(cookie: bytes) -> None:
    """A cookie's value may stand in double quotes and between blanks."""
    assert locate_token(None, [(b"cookie", cookie)], b"", "session") == FoundToken("c.c.c", "cookie")


def test_locate_ignores_cookies_unless_configured() -> None:
    """A cookie is sent by any page's script, so it counts only where the operator chose it."""
    assert locate_token(None, HEADERS[::2], b"", None) == NO_TOKEN
    assert locate_token(None, HEADERS[::2], b"", "sess") == NO_TOKEN


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"bearer  a.b.c ", FoundToken("a.b.c", "header")),
        (b"BEARER a.b.c", FoundToken("a.b.c", "header")),
        (b"Bearer", FoundToken("", "header")),
        (b"Basic dXNlcjpwYXNz", NO_TOKEN),
        (b"", NO_TOKEN),
        (b"Bearer \xff", FoundToken("\xff", "header")),
    ],
)
def test_locate_in_authorization(value: bytes, expected: FoundToken) -> None:
    """The scheme is read without regard to case, other schemes are somebody else's."""
    assert locate_token(None, [(b"authorization", value)], b"", None) == expected


@pytest.mark.parametrize(
    ("query", "token"),
    [(b"token=", ""), (b"token", ""), (b"token=a%2Eb", "a.b"), (b"token=1&token=2", "1"), (b"a&&token=%ff", "\ufffd")],
)
def test_locate_in_query(query: bytes, token: str) -> None:
    """The first `token` counts, percent-decoded; one without a value is empty."""
    assert locate_token(None, [], query, None) == FoundToken(token, "query")


def test_locate_skips_a_blank_place_for_one_with_a_token() -> None:
    """An empty field in the connect command does not hide the header's token."""
    assert locate_token("", HEADERS, b"", None) == FoundToken("h.h.h", "header")
    assert locate_token("  ", [], b"token=q", None) == FoundToken("q", "query")


def test_locate_reports_the_first_blank_place_when_all_are_blank() -> None:
    """Empty stays empty, with its place, and does not become missing."""
    assert locate_token("", [(b"authorization", b"Bearer")], b"token=", None) == FoundToken("", "connect")
    assert locate_token(None, [(b"authorization", b"Bearer ")], b"token=", None) == FoundToken("", "header")


def test_locate_stops_at_the_words_a_script_makes_of_nothing() -> None:
    """`undefined` in the connect command is a fault to be told, whatever the header has."""
    assert locate_token("undefined", HEADERS, b"", None) == FoundToken("undefined", "connect")


@pytest.mark.parametrize(
    ("token", "form"),
    [
        ("", '""'),
        ("null", "null"),
        (" null ", "null"),
        ("undefined", "undefined"),
        (" ", "blanks"),
        ("\t\n", "blanks"),
        ("a.b.c", None),
        ("nullable", None),
        ("Null", None),
    ],
)
def test_empty_form(token: str, form: str | None) -> None:
    """Each form of an empty token is told from the others and from a token."""
    assert empty_form(token) == form


@pytest.mark.parametrize(
    ("cookie", "name"),
    [
        (b"a=1; Access_Token=h.c.s; b=2", b"access_token"),
        (b"jwt=h.c.s", b"jwt"),
        (b"jwt", b"jwt"),
        (b"session=h.c.s; a=token", b""),
        (b"", b""),
        (b"a=1;" * 100 + b"jwt=h.c.s", b""),
        (b"a=" + b"x" * 5000 + b"; jwt=h.c.s", b""),
    ],
)
def test_cookie_called_as_tokens_are(cookie: bytes, name: bytes) -> None:
    """Its name is found, among the first cookies, and nothing else is told."""
    assert passed_over_cookie(cookie) == passed_over_cookie(name) == name
