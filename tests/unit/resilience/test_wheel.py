"""The time wheel: never early, at most one tick late, removable, small."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.resilience.wheel import TimeWheel


def make(slots: int = 8, start: float = 0.0) -> TimeWheel[str]:
    """Return a wheel of one-second ticks that started at `start`."""
    return TimeWheel(1.0, slots, lambda: start)


def test_advance_before_due_returns_nothing() -> None:
    """An entry stays queued until its deadline has passed."""
    wheel = make()
    wheel.add("a", 3.0)

    assert wheel.advance(2.999) == []
    assert wheel.advance(3.0) == ["a"]
    assert len(wheel) == 0


def test_advance_with_fraction_rounds_up() -> None:
    """A deadline between two ticks comes with the later one."""
    wheel = make()
    wheel.add("a", 2.1)

    assert wheel.advance(2.9) == []
    assert wheel.advance(3.0) == ["a"]


def test_add_in_the_past_is_due_with_the_next_tick() -> None:
    """A deadline that is over is not lost."""
    wheel = make(start=100.0)
    wheel.advance(105.0)
    wheel.add("late", 50.0)

    assert wheel.advance(105.9) == []
    assert wheel.advance(106.0) == ["late"]


def test_add_beyond_one_turn_waits_for_its_turn() -> None:
    """Entries of later turns share slots with earlier ones and stay behind."""
    wheel = make(slots=4)
    wheel.add("near", 2.0)
    wheel.add("far", 10.0)

    assert wheel.advance(2.0) == ["near"]
    assert wheel.advance(9.0) == []
    assert wheel.advance(10.0) == ["far"]


def test_advance_after_long_pause_returns_all_once() -> None:
    """A pause of many turns hands out everything due and nothing else."""
    wheel = make(slots=4)
    for second in range(1, 20):
        wheel.add(str(second), float(second))
    wheel.add("later", 1_000.0)

    assert sorted(wheel.advance(500.0), key=int) == [str(n) for n in range(1, 20)]
    assert len(wheel) == 1


def test_advance_orders_by_tick() -> None:
    """Within one turn earlier ticks come first."""
    wheel = make()
    for due in (5.0, 2.0, 4.0, 3.0):
        wheel.add(str(due), due)

    assert wheel.advance(6.0) == ["2.0", "3.0", "4.0", "5.0"]


def test_advance_backwards_returns_nothing() -> None:
    """A clock that went back neither fails nor fires."""
    wheel = make()
    wheel.advance(5.0)
    wheel.add("a", 6.0)

    assert wheel.advance(1.0) == []
    assert wheel.advance(6.0) == ["a"]


def test_remove_takes_the_entry_out() -> None:
    """A removed entry never comes back, and its neighbours do."""
    wheel = make()
    first, middle, last = "a", "b", "c"
    wheel.add(first, 2.0)
    handle = wheel.add(middle, 2.0)
    wheel.add(last, 2.0)

    assert wheel.remove(handle, middle)
    assert wheel.advance(2.0) == [first, last]


@pytest.mark.parametrize("due", [1e18, 1e300, float("inf")])
def test_add_with_absurd_deadline_never_comes(due: float) -> None:
    """An expiry far beyond any uptime is kept, not an overflow."""
    wheel = make()
    wheel.add("a", due)

    assert wheel.advance(1e9) == []
    assert len(wheel) == 1


def test_remove_with_stale_handle_removes_nobody() -> None:
    """A handle that was reused belongs to its new item alone."""
    wheel = make()
    first = wheel.add("first", 1.0)
    wheel.advance(1.0)
    second = wheel.add("second", 2.0)

    assert second == first
    assert not wheel.remove(first, "first")
    assert wheel.advance(2.0) == ["second"]


@pytest.mark.parametrize("handle", [-1, 0, 7, 99])
def test_remove_with_unknown_handle_returns_false(handle: int) -> None:
    """Handles that never were, or that name a slot, are harmless."""
    assert not make().remove(handle, "a")
    assert not make().move(handle, "a", 3.0)


def test_move_gives_a_new_deadline() -> None:
    """A moved entry keeps its handle and forgets the old deadline."""
    wheel = make()
    handle = wheel.add("a", 2.0)

    assert wheel.move(handle, "a", 5.0)
    assert wheel.advance(4.0) == []
    assert wheel.remove(handle, "a")


def test_add_while_working_through_due_items_is_safe() -> None:
    """The list handed out is complete, so a periodic item may queue itself again."""
    wheel = make()
    wheel.add("ping", 1.0)
    seen = []
    for now in (1.0, 2.0, 3.0):
        for item in wheel.advance(now):
            seen.append(now)
            wheel.add(item, now + 1.0)

    assert seen == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(("tick", "slots"), [(0.0, 8), (-1.0, 8), (1.0, 0)])
def test_wheel_with_impossible_shape_is_refused(tick: float, slots: int) -> None:
    """A wheel needs a tick and a slot."""
    with pytest.raises(ValueError, match="expected tick_seconds > 0"):
        TimeWheel(tick, slots, lambda: 0.0)


def test_wheel_costs_at_most_60_bytes_an_entry() -> None:
    """The arrays and the caller's handle stay within the memory promised per entry."""
    wheel: TimeWheel[object] = TimeWheel(0.1, 600, lambda: 0.0)
    item, number = object(), 20_000
    handles = [wheel.add(item, index % 60) for index in range(number)]
    arrays = (wheel._items, wheel._next, wheel._previous, wheel._ticks)

    size = sum(map(sys.getsizeof, arrays)) + sum(map(sys.getsizeof, handles))
    assert size / number <= 60


@given(
    st.integers(1, 9),
    st.lists(
        st.tuples(st.sampled_from(["add", "remove", "move", "advance"]), st.integers(0, 40)),
        max_size=60,
    ),
)
def test_wheel_agrees_with_a_sorted_list(slots: int, steps: list[tuple[str, int]]) -> None:
    """Whatever is added, removed, moved and advanced, each item comes once, in its own tick."""
    wheel: TimeWheel[object] = TimeWheel(1.0, slots, lambda: 0.0)
    model: dict[int, tuple[object, int]] = {}  # handle -> (item, due)
    now = 0
    for step, value in steps:
        if step == "add":
            item = object()
            model[wheel.add(item, float(now + value))] = (item, max(now + value, now + 1))
        elif step == "advance":
            now += value
            due = {handle for handle, (_, at) in model.items() if at <= now}
            assert set(map(id, wheel.advance(float(now)))) == {id(model.pop(h)[0]) for h in due}
        elif model:
            handle = sorted(model)[value % len(model)]
            item = model[handle][0]
            if step == "remove":
                del model[handle]
                assert wheel.remove(handle, item)
            else:
                model[handle] = (item, max(now + value, now + 1))
                assert wheel.move(handle, item, float(now + value))
        assert len(wheel) == len(model)
