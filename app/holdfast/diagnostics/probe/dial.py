"""DNS and TCP: every address of a name is tried, each with its outcome."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

MOST_ADDRESSES: Final = 8
_STAGGER_SECONDS: Final = 0.1
# How long the other addresses may still take once one has answered.
_GRACE_SECONDS: Final = 0.5

Outcome = Literal["ok", "refused", "timeout", "unreachable", "failed"]
_UNREACHABLE: Final = {
    errno.ENETUNREACH,
    errno.EHOSTUNREACH,
    errno.EADDRNOTAVAIL,
    errno.EAFNOSUPPORT,
    errno.ENETDOWN,
    errno.EHOSTDOWN,
}


class ResolveError(Exception):
    """The resolver gave no address; `code` is its EAI number."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Address:
    """One address and port."""

    family: socket.AddressFamily
    place: tuple[str, int]

    def __str__(self) -> str:
        host, port = self.place
        return f"[{host}]:{port}" if self.family == socket.AF_INET6 else f"{host}:{port}"


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one address; `detail` is the system's text for it."""

    address: Address
    outcome: Outcome
    seconds: float
    detail: str = ""


def family_of(address: str) -> socket.AddressFamily:
    """Return the family of an address's text."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


Lookup = Callable[[str, int], list[Address]]
Connect = Callable[[Address], Awaitable[socket.socket]]


def look_up(host: str, port: int) -> list[Address]:
    """Ask the system's resolver; blocks.

    Raises:
        ResolveError: it has no answer.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise ResolveError(error.errno or 0, error.strerror or str(error)) from None
    except (UnicodeError, ValueError) as error:
        raise ResolveError(socket.EAI_NONAME, str(error)) from None
    return addresses_of(found, port)


def addresses_of(found: Sequence[tuple[object, ...]], port: int) -> list[Address]:
    """Return the addresses in an answer of the resolver, each once, in its order."""
    made = [
        Address(socket.AddressFamily(family), (str(place[0]), port))
        for family, _, _, _, place in found
        if family in (socket.AF_INET, socket.AF_INET6) and isinstance(place, tuple) and isinstance(family, int)
    ]
    return list(dict.fromkeys(made))[:MOST_ADDRESSES]


async def resolve(host: str, port: int, lookup: Lookup = look_up) -> list[Address]:
    """Return the addresses of a name.

    In a thread of its own that nobody waits for: the resolver knows no timeout that could be trusted.

    Raises:
        ResolveError: there are none.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[list[Address]] = loop.create_future()

    def tell(set_result: Callable[[], None]) -> None:
        try:
            loop.call_soon_threadsafe(lambda: None if done.done() else set_result())
        except RuntimeError:
            pass  # the loop has closed meanwhile: nobody waits any more

    def ask() -> None:
        try:
            found = lookup(host, port)
        except Exception as error:
            failure = error
            tell(lambda: done.set_exception(failure))
        else:
            tell(lambda: done.set_result(found))

    threading.Thread(target=ask, name="resolver", daemon=True).start()
    return await done


async def open_socket(address: Address) -> socket.socket:
    """Return a socket that is connected to an address.

    Raises:
        OSError: it takes no connection.
    """
    made = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(made, address.place)
    except BaseException:
        made.close()
        raise
    return made


async def dial(
    addresses: Sequence[Address], seconds: float, connect: Connect = open_socket
) -> tuple[socket.socket | None, list[Tried]]:
    """Connect to all addresses, a little one after the other; return the first connection and what came of each.

    The system prefers the first address, and so does this: of several that answer, the earliest in the list counts.
    """
    loop = asyncio.get_running_loop()
    tasks: list[asyncio.Task[tuple[socket.socket | None, Tried]]] = []
    end = loop.time() + seconds
    try:
        for address in addresses:
            tasks.append(asyncio.ensure_future(_connect(address, end, connect)))
            await asyncio.wait(tasks, timeout=min(_STAGGER_SECONDS, max(0.0, end - loop.time())))
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        while not any(task.done() and task.result()[0] for task in tasks) and not all(task.done() for task in tasks):
            await asyncio.wait([task for task in tasks if not task.done()], return_when=asyncio.FIRST_COMPLETED)
        if waiting := [task for task in tasks if not task.done()]:
            await asyncio.wait(waiting, timeout=_GRACE_SECONDS)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    return _first_of([result for result in results if isinstance(result, tuple)])


def _first_of(
    results: Sequence[tuple[socket.socket | None, Tried]],
) -> tuple[socket.socket | None, list[Tried]]:
    winner: socket.socket | None = None
    for connected, _ in results:
        if winner is None:
            winner = connected
        elif connected is not None:
            connected.close()
    return winner, [tried for _, tried in results]


async def _connect(address: Address, end: float, connect: Connect) -> tuple[socket.socket | None, Tried]:
    loop = asyncio.get_running_loop()
    started = loop.time()
    outcome: Outcome = "timeout"
    detail = ""
    try:
        async with asyncio.timeout_at(end):
            made = await connect(address)
        return made, Tried(address, "ok", loop.time() - started)
    except TimeoutError:
        pass  # the system's own ETIMEDOUT is one too
    except asyncio.CancelledError:
        pass  # another address has answered, and this one had its time
    except OSError as error:
        # asyncio's own text names the address once more.
        outcome, detail = outcome_of(error), os.strerror(error.errno) if error.errno else str(error)
    return None, Tried(address, outcome, loop.time() - started, detail)


def outcome_of(error: OSError) -> Outcome:
    """Return what an error of connect means."""
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    return "unreachable" if error.errno in _UNREACHABLE else "failed"
