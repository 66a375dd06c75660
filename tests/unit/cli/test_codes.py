"""Tests of holdfast.cli.codes."""

from holdfast.codes import CODES
from holdfast.codes_docs import render_codes_docs


def test_codes_lists_every_slug(cli):
    """Without an argument the whole table is shown."""
    lines = cli("codes").out.splitlines()[1:]

    assert sorted(line.split()[1] for line in lines) == sorted(CODES)


def test_codes_slug_says_what_to_do(cli):
    """One slug gives meaning and remedy."""
    assert CODES["token_expired"].remedy in cli("codes", "token_expired").out


def test_codes_number_lists_its_causes(cli):
    """A number found in a log leads to all causes that share it."""
    out = cli("codes", "3501").out

    assert "token_missing" in out
    assert "token_empty" in out


def test_codes_status_lists_what_is_answered_with_it(cli):
    """A browser's console has the status of a refused request and nothing else."""
    out = cli("codes", "403").out

    assert out.startswith("NUMBER")
    assert "origin_not_allowed" in out
    assert "tls_expired" not in out


def test_codes_1006_says_how_a_refusal_is_seen(cli):
    """It is what a browser shows for every refused handshake."""
    assert "holdfast probe" in cli("codes", "1006").out
    assert "holdfast probe" not in cli("codes", "3500").out


def test_codes_number_of_a_backend_is_the_application_s(cli):
    """Numbers that only a backend gives lead to the cause that says so; ours that do not exist lead nowhere."""
    assert cli("codes", "4242").out.startswith("application ")
    assert cli("codes", "4199").code == 3


def test_codes_json_is_complete(cli):
    """A program gets every field."""
    (shown,) = cli("codes", "token_expired", "--json").json()

    assert shown["number"] == 109
    assert {"meaning", "remedy", "action", "temporary"} <= set(shown)


def test_codes_unknown_slug_suggests_one(cli):
    """A typo is answered with the nearest slugs."""
    outcome = cli("codes", "token_expird")

    assert outcome.code == 3
    assert "token_expired" in outcome.err


def test_codes_nonsense_points_to_the_list(cli):
    """Where nothing is near, the list is named."""
    assert "lists them all" in cli("codes", "zzzzzzzz").err


def test_codes_markdown_is_the_page(cli):
    """`codes --markdown` prints docs/errors.md."""
    assert cli("codes", "--markdown").out == render_codes_docs()
