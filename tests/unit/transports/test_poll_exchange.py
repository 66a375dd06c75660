"""Numbers of a poll session: what is kept, what is forgotten, what is a repetition."""

import pytest

from holdfast.errors import ProtocolError
from holdfast.transports.poll_exchange import Arrival, Exchange


@pytest.fixture
def exchange():
    """Three messages wait, the first two came as one unit."""
    exchange = Exchange()
    exchange.put(b"a\nbb")
    exchange.put(b"ccc")
    return exchange


def test_exchange_messages_wait_until_acknowledged(exchange):
    """What was given once is given again until a request says that it was handled."""
    assert exchange.take(100) == (1, [b"a", b"bb", b"ccc"])
    assert exchange.take(100) == (1, [b"a", b"bb", b"ccc"])

    assert exchange.receive(1, 2) is Arrival.NEW

    assert exchange.take(100) == (3, [b"ccc"])
    assert exchange.receive(2, 3) is Arrival.NEW
    assert not exchange.has_messages
    assert exchange.take(100) == (4, [])


def test_exchange_knows_what_was_in_no_answer(exchange):
    """What was given counts as said, acknowledged or not."""
    assert exchange.has_unsent
    exchange.take(3)
    assert exchange.has_unsent
    exchange.receive(1, 2)
    exchange.take(100)

    assert not exchange.has_unsent


def test_exchange_counts_bytes_that_wait(exchange):
    """The size is that of the messages without their separators, and shrinks with what is acknowledged."""
    assert exchange.size == 6

    exchange.take(100)
    exchange.receive(1, 1)

    assert exchange.size == 5


@pytest.mark.parametrize(("limit", "expected"), [(0, 1), (1, 1), (2, 1), (3, 2), (6, 3)])
def test_exchange_answer_is_bounded(exchange, limit, expected):
    """An answer has as many messages as fit, and never none while one waits."""
    assert len(exchange.take(limit)[1]) == expected
    assert exchange.sent == expected


def test_exchange_repeat_keeps_its_place(exchange):
    """The same number again is a repetition, which may acknowledge more."""
    exchange.take(100)
    assert exchange.receive(1, 1) is Arrival.NEW
    assert exchange.receive(1, 1) is Arrival.REPEAT
    assert exchange.receive(1, 2) is Arrival.REPEAT

    assert exchange.take(100) == (3, [b"ccc"])


def test_exchange_late_request_changes_nothing(exchange):
    """What the network held back until a newer one had come is told apart, whatever it acknowledges."""
    exchange.take(100)
    exchange.receive(5, 2)

    assert exchange.receive(4, 3) is Arrival.STALE
    assert exchange.receive(5, 1) is Arrival.STALE
    assert (exchange.seq, exchange.acknowledged) == (5, 2)


@pytest.mark.parametrize("ack", [0, 3, 2**53])
def test_exchange_impossible_acknowledgement(exchange, ack):
    """Neither what was never given nor what is gone can be acknowledged by a new request."""
    exchange.take(3)
    exchange.receive(1, 1)

    with pytest.raises(ProtocolError, match="from 1 to 2") as caught:
        exchange.receive(2, ack)

    assert caught.value.slug == "bad_request"
    assert (exchange.seq, exchange.acknowledged) == (1, 1)


def test_exchange_answers_that_die_get_shorter():
    """A network that cuts long answers would cut the same one for ever; what arrives makes them longer again."""
    exchange = Exchange()
    for _ in range(100):
        exchange.put(b"1234567890")

    sizes = [len(exchange.take(400)[1]) for _ in range(7)]
    assert sizes == [40, 20, 10, 5, 2, 1, 1]

    exchange.receive(1, 40)
    assert len(exchange.take(400)[1]) == 1
    exchange.receive(2, 41)
    exchange.receive(3, 41)
    assert len(exchange.take(400)[1]) == 2


def test_exchange_has_a_shortest_answer(exchange):
    """However often an answer dies, the next one has a message."""
    for _ in range(100):
        assert exchange.take(10**6)[1]
