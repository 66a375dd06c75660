"""Tests of holdfast.cli.advice."""

import pytest

from holdfast.cli.advice import SILENT, remedy, without_answer
from holdfast.codes import CODES


@pytest.mark.parametrize(
    ("slug", "option"),
    [
        ("token_missing", "--token"),
        ("api_key_missing", "--api-key"),
        ("api_key_invalid", "--api-key"),
        ("admin_token_missing", "--admin-token"),
        ("admin_token_invalid", "--admin-token"),
    ],
)
def test_remedy_names_the_option(slug, option):
    """What an option cures is told by the option."""
    assert option in remedy(slug)


def test_remedy_is_else_the_table_s():
    """Other causes have the remedy that every page shows, unknown ones have none."""
    assert remedy("draining") == CODES["draining"].remedy
    assert remedy("something else") == ""


@pytest.mark.parametrize(
    ("url", "reason", "hint"),
    [
        ("https://h:1", "[SSL: WRONG_VERSION_NUMBER] wrong version number", "http://"),
        ("wss://h:1", "[SSL: RECORD_LAYER_FAILURE] record layer failure", "http://"),
        ("https://h:1", "[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate", "SSL_CERT_FILE"),
        ("http://h:1", "Server disconnected without sending a response.", "https://"),
        ("ws://h:1", "did not receive a valid HTTP response", "https://"),
        ("http://h:1", "[Errno 111] Connection refused", "running"),
        ("https://h:1", "timed out", "running"),
        ("http://h:1", SILENT, "hangs"),
    ],
)
def test_without_answer_names_the_likely_mistake(url, reason, hint):
    """The wrong scheme and an unknown authority look like a gateway that is down, and are told apart from it."""
    assert hint in without_answer(url, reason)
