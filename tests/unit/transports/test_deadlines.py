"""Many deadlines of one length on one timer."""

import pytest

from holdfast.transports.deadlines import DeadlineQueue
from tests.sockets import FakeLoop


@pytest.fixture
def loop():
    """A clock moved by hand."""
    return FakeLoop()


def test_deadline_comes_after_the_timeout(loop):
    """An item is due once its time is over, and once only."""
    due = []
    queue = DeadlineQueue(loop, 5.0, due.append)

    queue.add("a")
    loop.advance(4.9)
    assert due == []
    loop.advance(10)

    assert due == ["a"]
    assert not queue


def test_deadline_that_is_discarded_never_comes(loop):
    """A discarded item is forgotten; discarding a stranger does nothing."""
    due = []
    queue = DeadlineQueue(loop, 5.0, due.append)

    queue.add("a")
    queue.add("b")
    queue.discard("a")
    queue.discard("stranger")
    assert list(queue) == ["b"]
    loop.advance(6)

    assert due == ["b"]


def test_deadline_added_again_starts_again(loop):
    """Adding a waiting item moves its deadline and its place in the order."""
    due = []
    queue = DeadlineQueue(loop, 5.0, due.append)

    queue.add("a")
    loop.advance(2)
    queue.add("b")
    loop.advance(2)
    queue.add("a")
    loop.advance(3.5)
    assert due == ["b"]
    loop.advance(2)

    assert due == ["b", "a"]


def test_deadlines_share_one_timer(loop):
    """A thousand items cost one timer, and none is left when nobody waits."""
    due = []
    queue = DeadlineQueue(loop, 5.0, due.append)

    for number in range(1000):
        queue.add(number)
        loop.advance(0.001)
    assert loop.waiting == 1
    loop.advance(10)

    assert due == list(range(1000))
    assert loop.waiting == 0


def test_deadline_may_add_and_clear_in_its_callback(loop):
    """What is due may start a new time, which begins then."""
    queue = DeadlineQueue(loop, 5.0, lambda item: queue.add("again") if item == "first" else None)

    queue.add("first")
    loop.advance(6)

    assert len(queue) == 1
    assert loop.waiting == 1


@pytest.mark.parametrize("change", ["discard", "add", "clear"])
def test_deadline_may_change_others_in_its_callback(loop, change):
    """What is due may stop, renew or clear what is due with it."""
    due = []

    def on_due(item):
        due.append(item)
        if item == "first":
            getattr(queue, change)(*([] if change == "clear" else ["second"]))

    queue = DeadlineQueue(loop, 5.0, on_due)
    queue.add("first")
    queue.add("second")
    loop.advance(5.1)

    assert due == ["first"]
    assert len(queue) == (change == "add")


def test_deadlines_of_many_cost_the_same_each(loop):
    """A storm of clients that left together ends in time that grows with their number, not with its square."""
    looked_at = 0

    class Due(dict):
        """A dict that counts the entries an iteration passes, deleted ones included, as CPython's does."""

        def __init__(self):
            self.places = []

        def __setitem__(self, item, due):
            self.places.append(item)
            super().__setitem__(item, due)

        def items(self):
            nonlocal looked_at
            for item in self.places:
                looked_at += 1
                if item in self:
                    yield item, self[item]

    queue = DeadlineQueue(loop, 5.0, lambda item: None)
    queue._due = Due()
    for number in range(1000):
        queue.add(number)
    loop.advance(6)

    assert not queue
    assert looked_at <= 2000


def test_clear_stops_timer_and_items(loop):
    """After `clear` nothing is due any more."""
    due = []
    queue = DeadlineQueue(loop, 5.0, due.append)

    queue.add("a")
    queue.clear()
    queue.clear()
    loop.advance(10)

    assert due == []
    assert loop.waiting == 0
