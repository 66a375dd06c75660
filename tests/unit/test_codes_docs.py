"""Tests of holdfast.codes_docs."""

import re

from holdfast.codes import CODES
from holdfast.codes_docs import ACTIONS, SECTIONS, explain_code, render_codes_docs


def test_page_has_every_slug_once():
    """Each cause has exactly one heading in docs/errors.md, which is what other pages link to."""
    headings = re.findall(r"^### (\w+)$", render_codes_docs(), re.MULTILINE)

    assert sorted(headings) == sorted(CODES)


def test_page_says_of_each_cause_all_there_is():
    """Who sees what, why, what to do, and the runbook: no cause lacks one of them."""
    page = render_codes_docs()

    for name in ("A client sees", "The operator sees", "Why", "What to do", "Runbook"):
        assert len(re.findall(rf"^- \*\*{name}:\*\* .+", page, re.MULTILINE)) == len(CODES)


def test_page_finds_causes_by_their_number():
    """Whoever has a number alone finds the causes that share it."""
    row = next(line for line in render_codes_docs().splitlines() if line.startswith("| 3501 | close |"))

    assert "[`token_empty`](#token_empty)" in row
    assert "[`token_missing`](#token_missing)" in row


def test_page_has_well_formed_tables():
    """Each row of the index has its three cells."""
    index = render_codes_docs().partition("## By number")[2].partition("\n## ")[0]

    assert {line.count("|") for line in index.splitlines() if line.startswith("|")} == {4}


def test_sections_and_actions_are_complete():
    """Every kind has its section and every action its words."""
    assert {code.kind for code in CODES.values()} == set(SECTIONS)
    assert {code.action for code in CODES.values()} == set(ACTIONS)


def test_explanation_says_what_to_do():
    """One cause as text has meaning, client action, remedy and runbook."""
    text = explain_code(CODES["token_expired"])

    assert text.startswith("token_expired (error 109")
    assert CODES["token_expired"].meaning in text
    assert CODES["token_expired"].remedy in text
    assert ACTIONS["fetch_token"] in text
    assert "runbooks/connection-tokens.md" in text
