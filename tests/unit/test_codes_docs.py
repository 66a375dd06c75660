"""Tests of holdfast.codes_docs."""

from holdfast.codes import CODES
from holdfast.codes_docs import ACTIONS, SECTIONS, explain_code, render_codes_docs


def test_page_has_every_slug_once():
    """Each cause has exactly one row in docs/errors.md."""
    rows = [line for line in render_codes_docs().splitlines() if line.startswith("| ")]

    listed = sorted(line.split("`")[1] for line in rows if "`" in line.split("|")[2])

    assert listed == sorted(CODES)


def test_page_has_well_formed_tables():
    """A bar inside a text does not break its table."""
    rows = [line for line in render_codes_docs().splitlines() if line.startswith("|")]

    assert {line.replace("\\|", "").count("|") for line in rows} == {7}


def test_sections_and_actions_are_complete():
    """Every kind has its section and every action its words."""
    assert {code.kind for code in CODES.values()} == set(SECTIONS)
    assert {code.action for code in CODES.values()} == set(ACTIONS)


def test_explanation_says_what_to_do():
    """One cause as text has meaning, client action and remedy."""
    text = explain_code(CODES["token_expired"])

    assert text.startswith("token_expired (error 109")
    assert CODES["token_expired"].meaning in text
    assert CODES["token_expired"].remedy in text
    assert ACTIONS["fetch_token"] in text
