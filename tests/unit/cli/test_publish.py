"""Tests of holdfast.cli.publish."""

import io
import sys

URL = ("--url", "http://127.0.0.1:8000", "--api-key", "k")


def test_publish_sends_json(cli, fake_gateway):
    """DATA is parsed here and sent as it is."""
    fake_gateway.result("publish", {"offset": 7, "epoch": "e"})

    outcome = cli("publish", "news", '{"text": "hi"}', *URL)

    assert outcome.code == 0
    assert fake_gateway.sent() == {"channel": "news", "data": {"text": "hi"}}
    assert "offset 7" in outcome.err


def test_publish_options_are_passed_on(cli, fake_gateway):
    """Tags, key and skip_history use the API's names."""
    fake_gateway.result("publish", {})
    options = ("--tag", "a=1", "--tag", "b=2=3", "--idempotency-key", "once", "--skip-history")

    outcome = cli("publish", "news", "hi", "--text", *options, *URL)

    assert fake_gateway.sent() == {
        "channel": "news",
        "data": "hi",
        "tags": {"a": "1", "b": "2=3"},
        "idempotency_key": "once",
        "skip_history": True,
    }
    assert outcome.err == "Published into news.\n"


def test_publish_reads_standard_input(cli, fake_gateway, monkeypatch):
    """`-` takes the data from a pipe."""
    fake_gateway.result("publish", {"offset": 1})
    monkeypatch.setattr(sys, "stdin", io.StringIO("[1, 2]\n"))

    assert cli("publish", "news", "-", "--json", *URL).json() == {"offset": 1}
    assert fake_gateway.sent()["data"] == [1, 2]


def test_publish_without_json_says_how(cli, fake_gateway):
    """Text that is no JSON is refused before anything is sent."""
    outcome = cli("publish", "news", "hello", *URL)

    assert outcome.code == 3
    assert "--text" in outcome.err
    assert not fake_gateway.requests


def test_publish_sends_bytes(cli, fake_gateway):
    """Base64 is handed on; what it holds is for the gateway to judge."""
    fake_gateway.result("publish", {})

    assert cli("publish", "bytes:a", "/w==", "--base64", *URL).code == 0
    assert fake_gateway.sent() == {"channel": "bytes:a", "b64data": "/w=="}


def test_publish_is_text_or_base64(cli, fake_gateway):
    """Both at once contradict each other."""
    outcome = cli("publish", "news", "hello", "--text", "--base64", *URL)

    assert outcome.code == 3
    assert "--base64" in outcome.err
    assert not fake_gateway.requests


def test_publish_tag_without_value_is_refused(cli, fake_gateway):
    """A tag is KEY=VALUE."""
    outcome = cli("publish", "news", "1", "--tag", "a", *URL)

    assert outcome.code == 3
    assert "KEY=VALUE" in outcome.err
