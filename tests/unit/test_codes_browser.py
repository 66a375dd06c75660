"""Tests of holdfast.codes_browser."""

import re

import pytest

from holdfast.codes import CODES
from holdfast.codes_browser import browser_codes, class_name, render_causes_js, render_codes_js, render_texts_js


def test_codes_have_each_cause_with_number_and_action():
    """The client decides by the same rows as the gateway."""
    rows = [line.split(" ") for line in render_codes_js().partition("`;")[0].rpartition("`")[2].splitlines()]
    found = {slug: (kind, int(number), action) for kind, number, action, *slugs in rows for slug in slugs}

    assert found == {code.slug: (code.kind, code.number, code.action) for code in browser_codes()}


def test_texts_have_each_cause():
    """A page can say of each cause what it means."""
    assert re.findall(r"^  (\w+): \[$", render_texts_js(), re.MULTILINE) == [code.slug for code in browser_codes()]


def test_causes_have_a_class_for_each():
    """No two causes share a class."""
    names = re.findall(r"^export const (\w+Error) = ", render_causes_js(), re.MULTILINE)

    assert names == [class_name(code.slug) for code in browser_codes()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("slug", "name"),
    [
        ("token_expired", "TokenExpiredError"),
        ("internal_error", "InternalError"),
        ("application", "ApplicationCloseError"),
    ],
)
def test_class_name_ends_in_error_once(slug, name):
    """The names are those that the client gives its classes."""
    assert class_name(slug) == name


@pytest.mark.parametrize(("slug", "is_there"), [("offline", True), ("api_key_missing", False), ("tls_expired", False)])
def test_browser_codes_are_those_a_page_can_meet(slug, is_there):
    """What only operators and probes meet costs no page a byte."""
    assert slug in CODES
    assert (slug in {code.slug for code in browser_codes()}) == is_there
