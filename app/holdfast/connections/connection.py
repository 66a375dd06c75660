"""One client's connection: what comes in, what goes out, and how it ends.

It knows states and bytes; what a command means is decided in `dispatch` and the modules behind it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from msgspec import Raw

from holdfast.codes import CODES
from holdfast.connections import dispatch
from holdfast.connections.subscription import Subscription
from holdfast.connections.transport import Handshake, Transport
from holdfast.errors import CapacityError, GatewayError, ProtocolError
from holdfast.protocol.framing import Encoding
from holdfast.protocol.messages import NONE, ClientInfo, Command, Push, Reply
from holdfast.resilience.eager import run_eagerly

if TYPE_CHECKING:
    from holdfast.connections.core import Core


def _nowhere(unit: bytes) -> None:
    """Take what is written to a connection that has ended."""


class Connection:
    """A client from the accepted handshake to the end; implements `MessageSink` and the hub's `Subscriber`.

    There are tens of thousands of these: every attribute has its price, so what only the handshake needs is dropped
    after it and what few connections need is None until then.
    """

    __slots__ = (
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
        "rate_debt",
        "subs",
        "task",
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
        # Who it is, known after connect
        self.client = ""
        self.user = ""
        self.info: Raw = NONE
        self.expire_at = 0
        self.subs: dict[str, Subscription] = {}
        # State
        self.is_connected = False
        self.closed = False
        self.ending = ""
        self.flowing = True
        self.congested = False
        self.awaiting_pong = False
        self.bucket = -1
        self.deadline = -1
        # Commands in work
        self.task: asyncio.Task[None] | None = None
        self.inbox: list[Command] | None = None
        self.outbox: list[bytes] | None = None
        self.rate_debt = 0.0

    @property
    def encoding(self) -> Encoding:
        """What `write` takes."""
        return self.transport.encoding

    def client_info(self, channel_info: Raw = NONE) -> ClientInfo:
        """Return who this is, as others see it."""
        return ClientInfo(self.user, self.client, self.info, channel_info)

    # Public methods: what comes in

    def on_message(self, data: bytes, is_text: bool) -> None:
        """Take one message: a pong, or a batch of commands."""
        if self.closed:
            return
        stats = self.core.stats
        stats.messages += 1
        stats.received_bytes += len(data)
        codec = self.transport.encoding.codec
        if data == codec.ping:
            self._on_pong()
            return
        try:
            if is_text is codec.binary:
                raise ProtocolError("binary_frame", f"this connection speaks {codec.name}")
            commands = codec.decode(data)
            if not commands:
                raise ProtocolError("empty_frame", "expected at least one command")
            self._check_rate(len(commands))
        except GatewayError as error:
            self.fail(error)
            return
        if self.task is None:
            self._start(commands)
        else:
            self._queue(commands)

    def on_congested(self) -> None:
        """Mind the queue from now on."""
        self.congested = True
        self.flowing = False
        self._check_queue()

    def on_drained(self) -> None:
        """Write freely again."""
        self.congested = False
        self.flowing = self.outbox is None and not self.closed

    def on_closed(self, code: int, reason: str) -> None:
        """Clean up after the connection, whoever ended it."""
        if not self.ending:
            self.ending = _slug_of(code, reason)
        if not self.closed:
            self._end()
        self.write = _nowhere
        self.core.manager.on_closed(self, code, reason)

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
        else:
            unit = self.transport.encoding.wrap(payload)
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
        if self.outbox is not None and not self.closed:
            self._flush()
            self.outbox = None
            self.flowing = not self.congested

    # Public methods: the end

    def fail(self, error: GatewayError) -> None:
        """Close for an error whose code is a close."""
        self.core.manager.on_refused(self, error)
        self.close(error.slug)

    def close(self, slug: str, *, number: int = 0, reason: str = "") -> None:
        """Close with a cause's number, or with an application's own number and reason."""
        if self.closed:
            return
        self.release()
        self.ending = slug
        self._end()
        self.transport.close(number or CODES[slug].number, reason or slug)

    # Private methods

    def _end(self) -> None:
        self.closed = True
        self.flowing = False
        self.inbox = None
        self.handshake = None
        self.core.manager.depart(self)

    def _start(self, commands: list[Command]) -> None:
        self.task = run_eagerly(dispatch.answer(self, commands), self.core.loop, self._on_crash)

    def _queue(self, commands: list[Command]) -> None:
        inbox = self.inbox
        if inbox is None:
            inbox = self.inbox = []
        inbox.extend(commands)
        if len(inbox) > self.core.client.inbox_limit:
            self.fail(CapacityError("inbox_overflow", f"{len(inbox)} commands wait for a reply"))

    def _on_crash(self, error: Exception) -> None:
        self.task = None
        self.core.manager.on_crash(self, error)
        self.close("server_error")

    def _on_pong(self) -> None:
        # A pong nobody asked for is as harmless as an unsolicited RFC 6455 pong, once there is a session.
        if not self.is_connected:
            self.fail(ProtocolError("not_connected", "a pong came before connect"))
        self.awaiting_pong = False

    def _check_rate(self, count: int) -> None:
        """Keep the client to its command rate (GCRA: one number holds the bucket)."""
        rate = self.core.client.command_rate
        if not rate:
            return
        now = self.core.clock()
        debt = max(self.rate_debt, now) + count / rate
        if debt - now > self.core.client.command_burst / rate:
            raise CapacityError("command_rate_limit", f"more than {rate:g} commands a second")
        self.rate_debt = debt

    def _flush(self) -> None:
        if self.outbox:
            encoding = self.transport.encoding
            self.write(encoding.wrap(encoding.codec.join(self.outbox)))
            self.outbox = []

    def _check_queue(self) -> None:
        limit = self.core.client.queue_max_size
        if not self.closed and self.transport.buffered() > limit:
            self.fail(CapacityError("slow_consumer", f"more than {limit} bytes wait for the client"))


def _slug_of(code: int, reason: str) -> str:
    if reason in CODES and CODES[reason].number == code:
        return reason
    return "client_gone" if code == CODES["client_gone"].number else "client_closed"
