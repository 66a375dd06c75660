"""Bodies of polls."""

import json

import pytest

from holdfast.errors import ProtocolError
from holdfast.transports.poll_messages import SUPERSEDED, Opened, decode_request, encode_answer


def test_request_fields():
    """A request says who it is of, where that one stands, and what it wants."""
    request = decode_request(b'{"session":"s","node":"n","seq":2,"ack":1,"commands":[{"id":1}],"close":true,"more":1}')

    assert (request.session, request.node, request.seq, request.ack) == ("s", "n", 2, 1)
    assert [bytes(one) for one in request.commands] == [b'{"id":1}']
    assert request.close


def test_request_commands_stand_on_one_line():
    """Line breaks between tokens would split a command and the messages made of it; in strings there are none."""
    request = decode_request(b'{"commands":[\n{"id":\r\n1,"publish":{"data":"a\\nb"}}]}')

    assert [bytes(one) for one in request.commands] == [b'{"id":  1,"publish":{"data":"a\\nb"}}']


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"null",
        b"{}",
        b'{"commands":[]}',
        b'{"session":"s"}',
        b'{"session":"s","seq":0}',
        b'{"session":"s","seq":-1}',
        b'{"session":"s","seq":1.5}',
        b'{"session":"s","seq":9007199254740992}',
        b'{"session":"s","seq":1,"ack":-1}',
        b'{"session":1,"seq":1}',
        b'{"session":"s","seq":1,"commands":{}}',
        b'{"session":"s","seq":1,"commands":["\xff"]}',
        b'{"key":"too short","commands":[{}]}',
        b'{"commands":[' + b"[" * 5000 + b"]" * 5000 + b"]}",
    ],
)
def test_request_that_is_none(body):
    """Whatever is not a request is `bad_request`."""
    with pytest.raises(ProtocolError) as caught:
        decode_request(body)

    assert caught.value.slug == "bad_request"


@pytest.mark.parametrize(
    ("commands", "expected"),
    [
        ("[]", True),
        ('[{"id":1,"rpc":{}}]', True),
        ('[{"send":{}}]', False),
        ('[{"send":{}},{"id":2,"rpc":{}}]', True),
        ("[{}]", False),
        ("[1]", True),
    ],
)
def test_request_expects_an_answer(commands, expected):
    """A poll, a command with an id, and nonsense are answered; what has no reply need not be waited for."""
    assert decode_request(f'{{"session":"s","seq":1,"commands":{commands}}}'.encode()).expects_answer() is expected


def test_request_expects_an_answer_however_deep_the_stack():
    """A command nested to the very limit of the decoder is no surprise to who looks at it a few calls deeper."""

    def deeper(calls, function):
        return function() if calls == 0 else deeper(calls - 1, function)

    for depth in range(700, 1000):
        nested = b"[" * depth + b"]" * depth
        body = b'{"session":"s","seq":1,"commands":[{"id":1,"rpc":{"data":' + nested + b"}}]}"
        try:
            request = decode_request(body)
        except ProtocolError:
            break
        assert deeper(10, request.expects_answer)


def test_request_goodbye_expects_none():
    """A client that leaves is not kept waiting."""
    assert not decode_request(b'{"session":"s","seq":1,"close":true}').expects_answer()


def test_answer():
    """An answer is a JSON object with numbered messages; the first one names session and node."""
    assert json.loads(encode_answer(3, [b'{"id":1}', b"{}"])) == {"first": 3, "messages": [{"id": 1}, {}]}
    assert json.loads(encode_answer(1, [], Opened("s", 'n"', 25))) == {
        "session": "s",
        "node": 'n"',
        "timeout": 25,
        "first": 1,
        "messages": [],
    }
    assert json.loads(SUPERSEDED) == {"superseded": True, "messages": []}
