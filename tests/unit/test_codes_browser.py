"""Tests of holdfast.codes_browser."""

import re
from pathlib import Path

import pytest

import holdfast
from holdfast.codes import CODES
from holdfast.codes_browser import (
    browser_codes,
    is_core,
    is_like_connection_token,
    needs_words,
    remedy_in_page,
    render_codes_js,
    render_codes_rest_js,
    render_texts_js,
)

CLIENT = Path(holdfast.__file__).parent / "web" / "client"


def test_codes_have_each_cause_with_number_and_action():
    """The client decides by the same rows as the gateway."""
    tables = [re.findall(r"`([^`]+)`\)?;", script)[-1] for script in (render_codes_js(), render_codes_rest_js())]
    found = {}
    for line in "\n".join(tables).splitlines():
        action, *words = line.split(" ")
        number = 0
        for word in words:
            number = int(word) - 1 if word.isdigit() else number + 1
            if not word.isdigit():
                found[word] = (number, action)

    assert found == {code.slug: (code.number, code.action) for code in browser_codes()}


def test_texts_have_each_cause_that_comes_without_words():
    """A page can say of each cause what it means: the words of HTTP answers stand in their bodies."""
    rows = set(re.findall(r"^  (\w+): \[$", render_texts_js(), re.MULTILINE))
    found = rows | {code.slug for code in browser_codes() if is_like_connection_token(code)}

    assert {code.slug for code in browser_codes() if code.kind != "http"} <= found
    assert {code.slug for code in browser_codes() if needs_words(code)} == found
    assert not found & {"draining", "login_refused"}


@pytest.mark.parametrize(
    ("slug", "is_alike"),
    [("subscription_token_expired", True), ("subscription_token_missing", False), ("token_expired", False)],
)
def test_texts_of_subscription_tokens_are_those_of_tokens(slug, is_alike):
    """What is said of both in the same words stands in texts.js once."""
    assert is_like_connection_token(CODES[slug]) == is_alike
    assert (f"  {slug}: [" in render_texts_js()) != is_alike


@pytest.mark.parametrize(
    ("slug", "remedy"),
    [
        ("shutdown", "Nothing."),
        ("token_revoked", "Issue a fresh token."),
        (
            "token_expired",
            "Issue a fresh token. If that has expired too, compare the clocks of issuer and gateway.",
        ),
        ("token_claims", CODES["token_claims"].remedy),
    ],
)
def test_remedies_in_a_page_are_the_first_thing_to_do(slug, remedy):
    """What stands behind a semicolon is left to docs/errors.md."""
    assert remedy_in_page(CODES[slug]) == remedy


def test_slugs_are_all_a_type():
    """Who names a cause that there is not, is told by the type checker."""
    assert re.findall(r"'(\w+)'", render_codes_rest_js().split("Slug */")[0]) == [code.slug for code in browser_codes()]


@pytest.mark.parametrize(("slug", "is_there"), [("offline", True), ("api_key_missing", False), ("tls_expired", False)])
def test_browser_codes_are_those_a_page_can_meet(slug, is_there):
    """What only operators and probes meet costs no page a byte."""
    assert slug in CODES
    assert (slug in {code.slug for code in browser_codes()}) == is_there


@pytest.mark.parametrize(("slug", "is_there"), [("queue_full", True), ("token_empty", True), ("accept_rate", False)])
def test_core_has_what_the_client_finds_by_itself(slug, is_there):
    """What only a server says is loaded when it is needed."""
    assert is_core(CODES[slug]) == is_there


def test_core_modules_name_causes_that_the_core_knows():
    """A module of the browser client that makes an error of another cause imports codes-rest.js."""
    known = {code.slug for code in browser_codes() if is_core(code)}
    makers = {path: path.read_text(encoding="utf-8") for path in CLIENT.rglob("*.js")}
    named = {
        (path.name, slug)
        for path, text in makers.items()
        if "codes-rest.js'" not in text
        for slug in re.findall(r"\bslug: '([a-z_]+)'", text)
    }

    assert {(name, slug) for name, slug in named if slug not in known} == set()
