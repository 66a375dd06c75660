"""Tests of holdfast.cli.conversation."""

import json

import pytest

from holdfast.cli.conversation import Conversation, Following, Noticed, Received, Refused, refusal_of, refusal_of_close


def connected(*followings: Following, **result: object) -> tuple[Conversation, list[dict]]:
    """Return a conversation whose connect was answered, and what it sent upon that."""
    talk = Conversation(list(followings), "token-of-alice")
    talk.opening()
    send, _ = talk.on_message(json.dumps({"id": 1, "connect": {"client": "c1", "ping": 25, "pong": True} | result}))
    return talk, [json.loads(line) for line in send]


def answer(talk: Conversation, message: dict) -> tuple[list[str], list]:
    """Let the server say one message."""
    return talk.on_message(json.dumps(message))


def test_opening_carries_the_token():
    """The first command is connect, with the token."""
    opening = json.loads(Conversation([], "token-of-alice").opening())

    assert opening["id"] == 1
    assert opening["connect"]["token"] == "token-of-alice"


def test_opening_without_token_names_none():
    """An anonymous client sends no token field, since an empty one is another cause."""
    assert "token" not in json.loads(Conversation([]).opening())["connect"]


def test_connect_reply_subscribes_every_channel():
    """Each followed channel is asked for once the connection stands."""
    _, sent = connected(Following("a"), Following("b", token="sub-token"))

    assert [command["subscribe"]["channel"] for command in sent] == ["a", "b"]
    assert sent[1]["subscribe"]["token"] == "sub-token"
    assert len({command["id"] for command in sent} | {1}) == 3


def test_ping_is_answered_only_when_asked_for():
    """The server's `{}` gets a `{}` back if connect said pong."""
    talk, _ = connected()
    silent, _ = connected(pong=False)

    assert talk.on_message("{}")[0] == ["{}"]
    assert silent.on_message("{}")[0] == []
    assert talk.ping_seconds == 25


def test_publication_moves_the_position():
    """After a reconnect the subscription asks for what came behind the last publication."""
    following = Following("a")
    talk, sent = connected(following)
    answer(talk, {"id": sent[0]["id"], "subscribe": {"recoverable": True, "epoch": "e", "offset": 4}})

    _, events = answer(talk, {"push": {"channel": "a", "pub": {"data": {"n": 1}, "offset": 5}}})

    assert events == [Received("a", {"n": 1}, 5, "e")]
    assert following.command() == {
        "channel": "a", "recoverable": True, "positioned": True, "recover": True, "offset": 5, "epoch": "e",
    }  # fmt: skip


def test_recovered_publications_are_handed_on_in_order():
    """What was missed comes with the subscribe reply, and the position ends behind it."""
    following = Following("a", offset=4, epoch="e", is_recoverable=True)
    talk, sent = connected(following)
    missed = [{"data": 5, "offset": 5}, {"data": 6, "offset": 6}]
    reply = {"recoverable": True, "epoch": "e", "offset": 4, "was_recovering": True, "recovered": True}

    _, events = answer(talk, {"id": sent[0]["id"], "subscribe": reply | {"publications": missed}})

    assert [event.data for event in events if isinstance(event, Received)] == [5, 6]
    assert following.offset == 6


def test_unrecovered_position_goes_on_from_now():
    """Where recovery failed, the position is the stream's top and the note says so."""
    following = Following("a", offset=4, epoch="old", is_recoverable=True)
    talk, sent = connected(following)

    _, events = answer(
        talk,
        {
            "id": sent[0]["id"],
            "subscribe": {"recoverable": True, "epoch": "new", "offset": 9, "was_recovering": True},
        },
    )

    assert (following.offset, following.epoch) == (9, "new")
    assert "could not be recovered" in events[0].text


def test_refused_connect_ends_the_connection():
    """An error reply to connect is handed on with its number."""
    talk = Conversation([Following("a")], "t")
    talk.opening()

    _, events = answer(talk, {"id": 1, "error": {"code": 109, "message": "token_expired"}})

    assert events == [Refused("token_expired", 109, is_final=False)]


def test_refused_channel_leaves_the_others():
    """One refused channel is noted; the last one ends everything."""
    talk, sent = connected(Following("a"), Following("b"))
    error = {"code": 103, "message": "permission_denied"}

    _, first = answer(talk, {"id": sent[0]["id"], "error": error})
    _, second = answer(talk, {"id": sent[1]["id"], "error": error})

    assert [type(event) for event in first] == [Noticed]
    assert second[-1] == Refused("permission_denied", 103, is_final=True)


def test_temporary_subscribe_error_tries_again():
    """A channel that could not be subscribed for now is asked for on the next connection."""
    following = Following("a")
    talk, sent = connected(following)

    _, events = answer(talk, {"id": sent[0]["id"], "error": {"code": 100, "message": "internal", "temporary": True}})

    assert events == [Refused("internal", 100, is_final=False)]
    assert not following.is_over


@pytest.mark.parametrize(("code", "is_over"), [(2000, True), (2500, False), (2501, False)])
def test_unsubscribe_push_resubscribes_from_2500(code, is_over):
    """Centrifuge's unsubscribe codes from 2500 on mean: subscribe again."""
    following = Following("a")
    talk, _ = connected(following)

    send, events = answer(talk, {"push": {"channel": "a", "unsubscribe": {"code": code, "reason": "r"}}})

    assert bool(send) is not is_over
    assert following.is_over is is_over
    assert isinstance(events[-1], Refused) is is_over


def test_batch_is_taken_line_by_line():
    """One message may carry several replies and pings."""
    talk, _ = connected(Following("a"))

    send, events = talk.on_message('{}\n{"push":{"channel":"a","pub":{"data":1}}}\n{"push":{"channel":"x","pub":{}}}\n')

    assert send == ["{}"]
    assert events == [Received("a", 1)]


def test_other_messages_change_nothing():
    """A reply to nothing asked and a push of another kind are passed over."""
    talk, _ = connected(Following("a"))

    assert answer(talk, {"id": 99, "rpc": {}}) == ([], [])
    assert answer(talk, {"push": {"channel": "a", "join": {"info": {"user": "u"}}}}) == ([], [])


def test_disconnect_push_counts_as_close():
    """The same code says the same, in a push or in a close frame."""
    talk, _ = connected()

    assert answer(talk, {"push": {"disconnect": {"code": 3503, "reason": "force_disconnect"}}})[1] == [
        refusal_of_close(3503, "force_disconnect")
    ]


@pytest.mark.parametrize(
    ("code", "is_final"),
    [(1006, False), (1009, True), (3001, False), (3500, True), (3999, True), (4100, False), (4500, True), (4999, True)],
)
def test_close_codes_are_final_as_in_centrifuge(code, is_final):
    """3500-3999 and 4500-4999 end a client for good, others do not."""
    assert refusal_of_close(code, "").is_final is is_final


@pytest.mark.parametrize(
    ("error", "is_final"),
    [({"code": 103}, True), ({"code": 109}, False), ({"code": 100, "temporary": True}, False)],
)
def test_errors_are_final_unless_temporary_or_expired(error, is_final):
    """A fresh token or another try may cure an error; else it is final."""
    assert refusal_of(error).is_final is is_final
