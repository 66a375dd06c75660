"""Tests of holdfast.cli.subscribe."""

import json

import jwt
import pytest

from holdfast.cli.conversation import Noticed, Received, Refused
from holdfast.cli.dialect import JsonDialect, ProtobufDialect
from holdfast.cli.failure import Exit
from holdfast.cli.follow import Follower
from holdfast.cli.subscribe import GivenTokens, MadeTokens, made_tokens, show_json, show_text
from holdfast.codes import CODES

SECRET = "a-secret-of-more-than-thirty-two-bytes"


@pytest.fixture
def followers(monkeypatch):
    """Catch the follower instead of letting it connect."""
    caught = []

    async def run(self):
        caught.append(self)
        return Exit.REFUSED

    monkeypatch.setattr(Follower, "run", run)
    return caught


def test_subscribe_uses_the_given_token_and_url(cli, followers):
    """Options describe the whole way in; no settings are needed."""
    options = ("--url", "http://127.0.0.1:9000", "--token", "t", "--subscription-token", "s", "--count", "2")

    outcome = cli("subscribe", "a", "b", *options, "--no-reconnect")

    assert outcome.code == 2
    (follower,) = followers
    assert follower.url == "ws://127.0.0.1:9000/connection/websocket"
    assert (follower.channels, follower.count, follower.reconnects) == (["a", "b"], 2, False)
    assert follower.tokens == GivenTokens("t", "s")


def test_subscribe_speaks_protobuf_on_request(cli, followers):
    """JSON is the default."""
    cli("subscribe", "a", "--url", "http://127.0.0.1:9000")
    cli("subscribe", "a", "--url", "http://127.0.0.1:9000", "--protobuf")

    assert [type(follower.dialect) for follower in followers] == [JsonDialect, ProtobufDialect]


def test_subscribe_with_an_empty_token_is_bad_usage(cli, followers):
    """An unset variable behind --token is told, not taken for an anonymous client."""
    outcome = cli("subscribe", "a", "--url", "http://127.0.0.1:9000", "--token", "")

    assert outcome.code == 3
    assert "--token" in outcome.err
    assert not followers


def test_subscribe_makes_tokens_of_named_settings_beside_a_url(cli, followers, tmp_path):
    """Settings that were named count for the tokens, wherever the gateway is."""
    file = tmp_path / "mine.yaml"
    file.write_text(f"token: {{hmac_secret: {SECRET}}}\n")

    cli("subscribe", "a", "--url", "http://127.0.0.1:9000", "--config", str(file))

    assert isinstance(followers[0].tokens, MadeTokens)


def test_subscribe_waits_longer_from_try_to_try(cli, followers):
    """The wait is random below a ceiling that grows to 20 seconds."""
    cli("subscribe", "a", "--url", "http://127.0.0.1:9000")

    assert 0 <= followers[0].delay(0) <= 0.5
    assert 0 <= followers[0].delay(100) <= 20


def test_tokens_are_made_with_the_configured_secret(monkeypatch):
    """Connection and subscription opened by them do not expire with them."""
    monkeypatch.setenv("HOLDFAST_TOKEN__HMAC_SECRET", SECRET)

    tokens = made_tokens(None, "ops")

    assert isinstance(tokens, MadeTokens)
    assert tokens.can_renew
    for token, expected in ((tokens.connection(), {}), (tokens.subscription("$dm"), {"channel": "$dm"})):
        claims = jwt.decode(token, SECRET, algorithms=["HS256"])
        assert claims | expected == claims
        assert (claims["sub"], claims["expire_at"]) == ("ops", 0)


def test_tokens_without_secret_are_none():
    """Where nothing can sign, the client connects as it is."""
    assert made_tokens(None, "ops") == GivenTokens()


def test_given_tokens_are_given_to_every_channel():
    """They are what the command line said, and cannot be renewed."""
    tokens = GivenTokens("t", "s")

    assert (tokens.connection(), tokens.subscription("a"), tokens.can_renew) == ("t", "s", False)


def test_text_has_channel_offset_and_data(capsys):
    """One line a publication; without history no offset."""
    show_text(Received("a", {"t": "ü"}, 7, "e"))
    show_text(Received("a", "x"))

    assert capsys.readouterr().out == 'a 7 {"t": "ü"}\na "x"\n'


def test_json_has_every_field_that_came(capsys):
    """A program gets position, publisher and tags too."""
    show_json(Received("a", 1, 7, "e", {"user": "u"}, {"k": "v"}))

    shown = json.loads(capsys.readouterr().out)
    assert shown == {"channel": "a", "offset": 7, "epoch": "e", "data": 1, "info": {"user": "u"}, "tags": {"k": "v"}}


@pytest.mark.parametrize("show", [show_text, show_json])
def test_notes_and_ends_go_to_standard_error(show, capsys):
    """Standard output has publications only; a final refusal says what to do."""
    show(Noticed("connected"))
    show(Refused("draining", 3001, is_final=False))
    show(Refused("token_malformed", 3500, is_final=True))

    captured = capsys.readouterr()
    assert captured.out == ""
    assert "connection lost: draining (3001)" in captured.err
    assert CODES["token_malformed"].remedy in captured.err
