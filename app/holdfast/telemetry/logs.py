"""Logs: one line an event on standard error or in a file, JSON unless it is a terminal, without secrets.

Our loggers, uvicorn's and those of every library come out the same way. Configuring again reaches loggers that are
in use already. Lines that repeat are limited, and what is left out is counted.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import MutableMapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, TextIO, cast

import structlog

from holdfast.resilience.token_bucket import TokenBucket
from holdfast.settings_logs import LogSettings
from holdfast.telemetry import metrics
from holdfast.telemetry.categories import category_of
from holdfast.telemetry.log_file import Clocks, LogFile
from holdfast.telemetry.redaction import redact, redact_text
from holdfast.telemetry.repeats import Key, RepeatLimiter
from holdfast.telemetry.writer import Writer

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
_LONGEST_TEMPLATE = 200
_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode
# Looked up once each: lines come in storms, those that are left out too.
_lines = cache(metrics.LOG_LINES.labels)
_left_out = cache(metrics.LOG_LEFT_OUT.labels)
# Libraries that say at "info" what we say ourselves, with URLs in it.
_QUIET = ("httpx", "httpcore", "aiohttp", "websockets", "asyncio", "uvicorn")
UNLIMITED: Final = frozenset({"connection_closed", "browser_line"})
"""Events of which each line is written: the durable record of a connection, and what browsers hand in, which is limited
where it comes in."""


class _State:
    """What `configure_logging` changes and every logger looks at."""

    level = _LEVELS["info"]
    is_text = False
    has_colors = False
    instance = ""
    repeats = RepeatLimiter(None, time.monotonic)
    file: LogFile | None = None


def _dropped(count: int) -> str:
    return _finished("telemetry.logs", "warning", {"event": "log_lines_dropped", "count": count})


WRITER = Writer(on_dropped=_dropped)
metrics.LOG_DROPPED.read_from(lambda: WRITER.dropped)
metrics.LOG_FILE_FAILURES.read_from(lambda: _State.file.failures if _State.file is not None else 0)


class _Sink:
    """What structlog hands finished lines to: the writer, with the name of the logger they come from."""

    __slots__ = ("name",)

    def __init__(self, name: str = "") -> None:
        self.name = name.removeprefix("holdfast.")

    def msg(self, line: str) -> None:
        WRITER.write(line)

    debug = info = warning = error = critical = msg  # structlog calls the one named after the level


class Logger(structlog.BoundLoggerBase):
    """Write events with key-value pairs; a call never raises, whatever it is given."""

    def debug(self, event: str, /, *args: object, **values: Any) -> None:
        """Say what only somebody who looks for a fault wants to know."""
        self._say("debug", event, args, values)

    def info(self, event: str, /, *args: object, **values: Any) -> None:
        """Say what happened in the ordinary course."""
        self._say("info", event, args, values)

    def warning(self, event: str, /, *args: object, **values: Any) -> None:
        """Say what somebody should look at."""
        self._say("warning", event, args, values)

    def error(self, event: str, /, *args: object, **values: Any) -> None:
        """Say what went wrong."""
        self._say("error", event, args, values)

    def exception(self, event: str, /, *args: object, **values: Any) -> None:
        """Say what went wrong, with the traceback of the exception being handled."""
        self._say("error", event, args, {"exc_info": True, **values})

    def critical(self, event: str, /, *args: object, **values: Any) -> None:
        """Say why the gateway cannot go on."""
        self._say("critical", event, args, values)

    def log(self, level: int, event: str, /, *args: object, **values: Any) -> None:
        """Write at a level of the standard library's numbers."""
        self._say(_name_of(level), event, args, values)

    def forward(self, level: int, text: str, template: str, **values: Any) -> None:
        """Write a text of a library; those made from one template repeat one another."""
        self._say(_name_of(level), text, (), values, template)

    def _say(
        self, level: str, event: str, args: tuple[object, ...], values: dict[str, Any], template: str = ""
    ) -> None:
        if _LEVELS[level] < _State.level:
            return
        try:
            name = self._logger.name
            if event not in UNLIMITED:
                key = Key(name, template or event, str(values.get("slug") or ""))
                if not _State.repeats.admits(key, level):
                    _left_out(category_of(event, name)).inc()
                    return
            self._proxy_to_logger(level, event % args if args else event, **values)
        except Exception as error:
            # A value whose text cannot be made, say; the event itself must not be lost, nor the caller fail.
            WRITER.write(json.dumps({"level": level, "event": redact_text(str(event)), "unloggable": repr(error)}))


def _name_of(level: int) -> str:
    return next((name for name, number in reversed(_LEVELS.items()) if level >= number), "debug")


def get_logger(name: str) -> Logger:
    """Return the logger of one part; `name` is what its lines carry as `logger`."""
    # Bound here and now: structlog's lazy proxy would make every call that writes nothing six times as dear.
    return cast(Logger, structlog.get_logger(name).bind())


def configure_logging(
    settings: LogSettings, stream: TextIO | None = None, *, in_background: bool = False, is_terminal: bool | None = None
) -> None:
    """Set level and format of all loggers, and where lines go: `stream`, else the file of the settings, else stderr.

    `in_background` writes from a thread, so that a reader that stops reading cannot stop the gateway.
    """
    target = stream if stream is not None else sys.stderr
    is_file = stream is None and settings.file is not None
    _State.has_colors = not is_file and (target.isatty() if is_terminal is None else is_terminal)
    _State.is_text = settings.format == "text" or (settings.format == "auto" and _State.has_colors)
    _State.level = _LEVELS[settings.level]
    bucket = TokenBucket(settings.repeat_rate, settings.repeat_burst) if settings.repeat_rate else None
    _State.repeats = RepeatLimiter(bucket, time.monotonic)
    WRITER.stop()
    if _State.file is not None:
        _State.file.close()
    _State.file = _log_file(settings) if is_file else None
    WRITER.stream = _State.file or stream
    if in_background:
        WRITER.start()
    _route_standard_library()


def bind_instance(name: str) -> None:
    """Let every line name the instance from now on."""
    _State.instance = name


def report_left_out() -> None:
    """Write what was left out since the last time because it repeated."""
    for one in _State.repeats.take_left_out():
        values: dict[str, Any] = {"event": "repeated", "of": one.key.event}
        if one.key.slug:
            values["slug"] = one.key.slug
        WRITER.write(_finished(one.key.logger, one.level, {**values, "count": one.count, "seconds": one.seconds}))


def reopen_log_file() -> None:
    """Open the log file anew behind all that was said so far; whoever rotates it has moved it away."""
    if (file := _State.file) is not None:
        WRITER.between_lines(file.reopen)


def finish_logging() -> None:
    """Write what is still to be said."""
    report_left_out()
    WRITER.stop()


def _log_file(settings: LogSettings) -> LogFile | None:
    if settings.file is None:
        return None

    def notice(level: str, event: str, reason: str) -> str:
        return _finished("telemetry.log_file", level, {"event": event, "path": str(settings.file), "reason": reason})

    return LogFile(settings, settings.file, Clocks(time.monotonic, time.time), notice)


class _Forward(logging.Handler):
    """Turn a record of the standard library's logging into one of our lines."""

    def emit(self, record: logging.LogRecord) -> None:
        """Forward a record."""
        try:
            text = record.getMessage()
        except Exception:  # a wrong number of arguments in somebody's log call is no reason to fail
            text = str(record.msg)
        values = {"exc_info": record.exc_info} if record.exc_info else {}
        get_logger(record.name).forward(record.levelno, text, str(record.msg)[:_LONGEST_TEMPLATE], **values)


def _route_standard_library() -> None:
    root = logging.getLogger()
    root.handlers = [handler for handler in root.handlers if not isinstance(handler, _Forward)]
    root.addHandler(_Forward())
    root.setLevel(_State.level)
    for name in _QUIET:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(max(_State.level, logging.WARNING))
    for name in ("uvicorn.error", "uvicorn.asgi"):
        logging.getLogger(name).handlers.clear()
    access = logging.getLogger("uvicorn.access")  # it would print `?token=`
    access.handlers.clear()
    access.propagate = False
    access.disabled = True
    logging.captureWarnings(True)


# Processors: each takes the logger, the level and the event


def _stamp(logger: object, level: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Put the fixed keys first, in one order."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
    name, text = getattr(logger, "name", ""), event.pop("event", "")
    category = category_of(text, name)
    _lines(level, category).inc()
    head = {"time": f"{now}Z", "level": level, "category": category, "logger": name, "event": text}
    if _State.instance:
        head["instance"] = _State.instance
    # What a call says under a name of ours must not replace it.
    return {**head, **{f"{key}_" if key in head and event[key] != head[key] else key: event[key] for key in event}}


def _finished(logger: str, level: str, event: dict[str, Any]) -> str:
    """Return the line of an event that the log itself has to tell."""
    return _render(None, level, redact(None, level, _stamp(_Sink(logger), level, event)))


def _render(logger: object, level: str, event: MutableMapping[str, Any]) -> str:
    if _State.is_text:
        safe = {key: (_on_lines if key == "exception" else _on_one_line)(value) for key, value in event.items()}
        return str((_COLORED if _State.has_colors else _PLAIN)(logger, level, safe))
    return _encode(event)


def _on_one_line(value: object) -> object:
    """Escape what would move a terminal's cursor or forge a second line."""
    if isinstance(value, str) and not value.isprintable():
        return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in value)
    return value


def _on_lines(value: object) -> object:
    """Escape in a traceback what would move a terminal's cursor; only its own lines are lines."""
    return "\n".join(str(_on_one_line(line)) for line in value.split("\n")) if isinstance(value, str) else value


def _console(*, colors: bool) -> structlog.dev.ConsoleRenderer:
    return structlog.dev.ConsoleRenderer(
        colors=colors, timestamp_key="time", exception_formatter=structlog.dev.plain_traceback, pad_event_to=24
    )


_PLAIN, _COLORED = _console(colors=False), _console(colors=True)

structlog.configure(
    processors=[structlog.contextvars.merge_contextvars, _stamp, structlog.processors.format_exc_info, redact, _render],
    wrapper_class=Logger,
    logger_factory=_Sink,
    cache_logger_on_first_use=True,
)
