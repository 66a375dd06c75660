"""What a roll does next, decided from what runs on the host and never from what an earlier run believed it did.

Each instance number has two slots, a and b. At rest one of them runs and is enabled. A roll starts the other one, waits
until it serves, and stops the first. No input or output here.
"""

from __future__ import annotations

from dataclasses import dataclass

LETTERS = "ab"
RUNNING = ("active", "activating", "reloading")


@dataclass(frozen=True)
class Slot:
    """A slot as it was found."""

    name: str
    state: str = "inactive"  # systemd's ActiveState
    is_enabled: bool = False
    fingerprint: str = ""  # what its process was started with
    started: float = 0.0  # when, in seconds of the host's clock
    is_ready: bool = False
    is_serving: bool = False  # neither asked to stop nor drained; it may be unready for another reason

    @property
    def is_running(self) -> bool:
        """Tell whether it has a process that nobody has asked to stop."""
        return self.state in RUNNING


@dataclass(frozen=True)
class Wanted:
    """What the instance is to run."""

    fingerprint: str
    since: float = 0.0  # a process that began before is replaced whatever it runs


@dataclass(frozen=True)
class Plan:
    """`serving` is to serve in the end; it is started where `is_new`. All of `leaving` are stopped, once it serves."""

    serving: str
    is_new: bool
    leaving: tuple[str, ...] = ()
    first: tuple[str, ...] = ()  # in the way: left over from a run that was cut off, and not serving anybody
    reason: str = ""
    is_at_rest: bool = False


def slot_names(number: int) -> tuple[str, str]:
    """Return the two slots of an instance."""
    return f"{number}{LETTERS[0]}", f"{number}{LETTERS[1]}"


def ports(number: int, slot: str, base: int, internal_offset: int) -> tuple[int, int]:
    """Return the public and the internal port of a slot."""
    public = base + 10 * (number - 1) + LETTERS.index(slot[-1])
    return public, public + internal_offset


def decide(slots: list[Slot], wanted: Wanted) -> Plan:
    """Return what to do about one instance, given its two slots."""
    running = [slot for slot in slots if slot.is_running]
    right = [slot for slot in running if is_right(slot, wanted)]
    if right:
        # Of two that are right the one that is known to come back after a reboot stays.
        chosen = max(right, key=lambda slot: (slot.is_ready, slot.is_enabled))
        others = [slot for slot in slots if slot.name != chosen.name]
        leaving = tuple(slot.name for slot in others if slot.state not in ("inactive", "failed") or slot.is_enabled)
        at_rest = chosen.is_ready and chosen.is_enabled and not leaving
        reason = "" if at_rest else "an earlier run was cut off before its end"
        return Plan(chosen.name, False, leaving, reason=reason, is_at_rest=at_rest)
    if not running:
        return _start(slots, wanted)
    # Whoever serves goes on until the new one does. A second one that is not right is left over and makes room.
    kept = max(running, key=lambda slot: (slot.is_ready, slot.is_serving, slot.is_enabled, slot.started))
    free = next(slot for slot in slots if slot.name != kept.name)
    in_the_way = (free.name,) if free.state != "inactive" else ()
    return Plan(free.name, True, (kept.name,), in_the_way, _why(kept, wanted))


def is_right(slot: Slot, wanted: Wanted) -> bool:
    """Tell whether a running slot is what is wanted, and takes clients or is about to."""
    is_same = slot.fingerprint == wanted.fingerprint and slot.started >= wanted.since
    return is_same and (slot.is_serving or slot.state == "activating")


def _start(slots: list[Slot], wanted: Wanted) -> Plan:
    enabled = [slot for slot in slots if slot.is_enabled]
    stopping = [slot for slot in slots if slot.state == "deactivating"]
    # Not the one that is just leaving: its clients have their time.
    free = [slot for slot in slots if slot not in stopping] or slots
    chosen = next((slot for slot in free if slot in enabled), free[0])
    leaving = tuple(slot.name for slot in slots if slot.name != chosen.name and (slot in stopping or slot in enabled))
    first = (chosen.name,) if chosen.state != "inactive" else ()
    return Plan(chosen.name, True, leaving, first, "nothing of it runs")


def _why(kept: Slot, wanted: Wanted) -> str:
    if kept.fingerprint != wanted.fingerprint:
        return "it runs another version, other settings or other secrets"
    if not kept.is_serving:
        return "it is drained"
    return "it began before the restart was asked for"
