"""One client's connection: what comes in, what goes out, and how it ends.

It knows states and bytes; what a command means is decided in `dispatch` and the modules behind it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from msgspec import Raw

from holdfast.codes import CODES
from holdfast.connections import dispatch
from holdfast.connections.records import Initiator
from holdfast.connections.subscription import PRESENT, Subscription
from holdfast.connections.transport import Handshake, Transport
from holdfast.errors import CapacityError, GatewayError, ProtocolError
from holdfast.protocol.commands import PONG, Command
from holdfast.protocol.framing import Encoding
from holdfast.protocol.messages import NONE, ClientInfo, Push, Reply
from holdfast.resilience.eager import run_eagerly

if TYPE_CHECKING:
    from holdfast.connections.core import Core


# Replies to a batch leave in one message, but what waits for it stays small: not more payloads, none longer.
_MANY_PAYLOADS = 64
_LONG_PAYLOAD = 16384


# Ends that transports tell of; all others are ours.
_INITIATORS: dict[str, Initiator] = {"client_gone": "path", "ack_timeout": "path", "client_closed": "peer"}


def _nowhere(unit: bytes) -> None:
    """Take what is written to a connection that has ended."""


class _Inbox:
    """Commands that wait while another one is being answered, and how many bytes they came in."""

    __slots__ = ("commands", "size")

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.size = 0


class Connection:
    """A client from the accepted handshake to the end; implements `MessageSink` and the hub's `Subscriber`.

    There are tens of thousands of these: every attribute has its price, so what only the handshake needs is dropped
    after it and what few connections need is None until then.
    """

    __slots__ = (
        "address",
        "agent",
        "awaiting_pong",
        "bucket",
        "client",
        "closed",
        "congested",
        "core",
        "deadline",
        "ending",
        "expire_at",
        "flowing",
        "handshake",
        "inbox",
        "info",
        "is_connected",
        "outbox",
        "rate_full_at",
        "rtt",
        "subs",
        "task",
        "trace",
        "transport",
        "user",
        "write",
    )

    def __init__(self, core: Core, transport: Transport, handshake: Handshake) -> None:
        # Where it belongs
        self.core = core
        self.transport = transport
        self.write = transport.write
        self.handshake: Handshake | None = handshake
        # Who it is; all but the address known after connect
        self.address = handshake.client
        self.client = ""
        self.user = ""
        self.agent = ""  # what the client says that it is; shared, see `traces.Agents`
        self.trace = b""  # its attempt, packed; see `traces`
        self.info: Raw = NONE
        self.expire_at = 0
        self.subs: dict[str, Subscription] = {}
        # State
        self.is_connected = False
        self.closed = False
        self.ending = ""  # the cause of the end, or, while a refused connect has not been repeated, of that
        self.flowing = True
        self.congested = False
        self.awaiting_pong = False
        self.rtt = 0  # of the last ping, in milliseconds: an int below 257 costs nothing; 0 is unknown
        self.bucket = -1
        self.deadline = -1
        # Commands in work
        self.task: asyncio.Task[None] | None = None
        self.inbox: _Inbox | None = None
        self.outbox: list[bytes] | None = None
        self.rate_full_at = 0.0  # see TokenBucket

    @property
    def encoding(self) -> Encoding:
        """What `write` takes."""
        return self.transport.encoding

    def client_info(self, channel_info: Raw = NONE) -> ClientInfo:
        """Return who this is, as others see it."""
        return ClientInfo(self.user, self.client, self.info, channel_info)

    def is_present_in(self, channel: str) -> bool:
        """Tell whether it has a subscription that stands in presence."""
        found = self.subs.get(channel)
        return found is not None and bool(found.flags & PRESENT)

    # Public methods: what comes in

    def on_message(self, data: bytes, is_text: bool) -> None:
        """Take one message: a pong, or a batch of commands."""
        if self.closed:
            return
        stats = self.core.stats
        stats.messages += 1
        stats.received_bytes += len(data)
        codec = self.transport.encoding.codec
        if data == codec.ping and self.awaiting_pong:
            self._on_pong()
            return
        try:
            if data == codec.ping:
                self._check_rate(1)
                self._on_pong()
                return
            if is_text is codec.binary:
                raise ProtocolError("text_frame" if is_text else "binary_frame", f"this connection speaks {codec.name}")
            commands = codec.decode(data)
            if not commands:
                raise ProtocolError("empty_frame", "expected at least one command")
            self._check_rate(len(commands))
        except GatewayError as error:
            self.fail(error)
            return
        if commands[0] is PONG or (len(commands) > 1 and any(command is PONG for command in commands)):
            self._on_pong()
            commands = [command for command in commands if command is not PONG]
        if self.task is None:
            self._start(commands)
        else:
            self._queue(commands, len(data))

    def on_congested(self) -> None:
        """Mind the queue from now on."""
        self.congested = True
        self.flowing = False
        if not self.closed:
            self.core.manager.congested.add(self)
        self._check_queue()

    def on_drained(self) -> None:
        """Write freely again."""
        self.congested = False
        self.core.manager.congested.discard(self)
        self.flowing = self.outbox is None and not self.closed

    def on_closed(self, code: int, reason: str) -> None:
        """Clean up after the connection, whoever ended it."""
        slug = _slug_of(code, reason)
        initiator = "us" if self.closed else _INITIATORS.get(slug, "us")
        if not self.ending:
            self.ending = slug
        if not self.closed:
            self._end()
        self.core.manager.on_closed(self, code, initiator)

    def take_inbox(self) -> list[Command] | None:
        """Return the commands that came while others were answered, None if there are none."""
        inbox, self.inbox = self.inbox, None
        return inbox.commands if inbox is not None else None

    # Public methods: what goes out

    def reply(self, reply: Reply) -> None:
        """Send a command's reply, behind the ones before it."""
        self.send(self.transport.encoding.codec.encode_reply(reply))

    def push(self, push: Push) -> None:
        """Send a push to this connection alone."""
        self.send(self.transport.encoding.codec.encode_push(push))

    def send(self, payload: bytes) -> None:
        """Send one payload."""
        if self.outbox is not None:
            self.outbox.append(payload)
            if len(payload) > _LONG_PAYLOAD or len(self.outbox) >= _MANY_PAYLOADS:
                self._flush()
        else:
            unit = self.transport.encoding.wrap_alone(payload)
            if self.flowing:
                self.write(unit)
            else:
                self.write_slow(unit)

    def write_slow(self, unit: bytes) -> None:
        """Write a unit while replies are being collected or the peer is slow; drop it after the end."""
        if self.closed:
            return
        if self.outbox is not None:
            self._flush()
        self.write(unit)
        if self.congested:
            self._check_queue()

    def collect(self) -> None:
        """Gather the payloads to come into one message, until `release`."""
        if self.outbox is None:
            self.outbox = []
            self.flowing = False

    def release(self) -> None:
        """Send what was gathered."""
        if self.outbox is not None:
            self._flush()
            self.outbox = None
            self.flowing = not self.congested and not self.closed

    # Public methods: the end

    def fail(self, error: GatewayError) -> None:
        """Close for an error whose code is a close."""
        self.core.manager.reports.note_failure(self, error)
        self.close(error.slug, number=error.number, reason=error.message)

    def close(self, slug: str, *, number: int = 0, reason: str = "") -> None:
        """Close with a cause's number, or with an application's own number and reason."""
        if not self.closed:
            self.release()
        if not self.closed:  # a write may have ended it
            self.ending = slug
            self._end()
            self.transport.close(number or CODES[slug].number, reason or slug)

    def on_write_failed(self, error: Exception) -> None:
        """Drop a connection whose transport raised; nothing more can be told to it."""
        self.core.manager.on_crash(self, error)
        if not self.closed:
            self.ending = "write_error"
            self._end()
        self.transport.abort()

    # Private methods

    def _end(self) -> None:
        self.closed = True
        self.flowing = False
        self.write = _nowhere
        self.inbox = None
        self.outbox = None
        self.core.manager.depart(self)

    def _start(self, commands: list[Command]) -> None:
        self.task = run_eagerly(dispatch.answer(self, commands), self.core.loop, self._on_crash)

    def _queue(self, commands: list[Command], size: int) -> None:
        inbox, client = self.inbox, self.core.client
        if inbox is None:
            inbox = self.inbox = _Inbox()
        inbox.commands += commands
        inbox.size += size
        # Undecoded payloads keep their whole message in memory, so the bytes have the limit of those that go out.
        if len(inbox.commands) > client.inbox_limit or inbox.size > client.queue_max_size:
            detail = f"{len(inbox.commands)} commands of {inbox.size} bytes wait for a reply"
            self.fail(CapacityError("inbox_overflow", detail))

    def _on_crash(self, error: Exception) -> None:
        self.task = None
        self.core.manager.on_crash(self, error)
        self.close("server_error")

    def _on_pong(self) -> None:
        # One that nobody asked for is allowed once there is a session, and counts as a command.
        if not self.is_connected and not self.ending:
            self.fail(ProtocolError("not_connected", "a pong came before connect"))
        if self.awaiting_pong:
            self.awaiting_pong = False
            self.rtt = self.core.heartbeat.rtt(self.bucket, self.core.clock())

    def _check_rate(self, count: int) -> None:
        bucket = self.core.command_bucket
        if bucket is None:
            return
        full_at = bucket.take(self.rate_full_at, self.core.clock(), count)
        if full_at is None:
            raise CapacityError("command_rate_limit", f"more than {bucket.rate:g} commands a second")
        self.rate_full_at = full_at

    def _flush(self) -> None:
        # Emptied first: a write may end the connection, which flushes in its turn.
        outbox, self.outbox = self.outbox, []
        if outbox:
            encoding = self.transport.encoding
            self.write(encoding.wrap_alone(encoding.codec.join(outbox)))

    def _check_queue(self) -> None:
        limit = self.core.client.queue_max_size
        if not self.closed and self.transport.buffered() > limit:
            self.fail(CapacityError("slow_consumer", f"more than {limit} bytes wait for the client"))


def _slug_of(code: int, reason: str) -> str:
    if reason in CODES and CODES[reason].number == code:
        return reason
    return "client_gone" if code == CODES["client_gone"].number else "client_closed"
