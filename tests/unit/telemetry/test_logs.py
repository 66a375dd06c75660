"""Logs: one shape for all, safe whatever is logged."""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import structlog

from holdfast.settings_logs import LogSettings
from holdfast.telemetry.logs import WRITER, configure_logging, get_logger

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl"


@pytest.fixture(autouse=True)
def restore() -> Iterator[None]:
    """Leave logging as it was found."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    configure_logging(LogSettings())
    logging.captureWarnings(False)
    root.handlers, root.level = handlers, level


def lines_of(level: str = "debug", form: str = "json", **options: Any) -> tuple[io.StringIO, Any]:
    """Configure logging into a buffer and return it with a logger."""
    stream = io.StringIO()
    configure_logging(LogSettings(level=level, format=form), stream, **options)
    return stream, get_logger("holdfast.part")


def only(stream: io.StringIO) -> dict[str, Any]:
    """Return the one line of the buffer as data."""
    (line,) = stream.getvalue().splitlines()
    data: dict[str, Any] = json.loads(line)
    return data


def test_line_is_json_with_fixed_keys_first() -> None:
    """Time in UTC, level, logger, event, then the rest."""
    stream, log = lines_of()
    log.info("connected", user="7", count=3)
    line = only(stream)

    assert list(line) == ["time", "level", "logger", "event", "user", "count"]
    assert (line["level"], line["logger"], line["event"]) == ("info", "part", "connected")
    assert line["time"].endswith("Z")
    assert datetime.fromisoformat(line["time"]).tzinfo is not None


@pytest.mark.parametrize("method", ["debug", "info", "warning", "error", "critical"])
@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_level_decides_what_is_written(method: str, level: str) -> None:
    """Lines below the configured level are not written, by loggers in use either."""
    stream, log = lines_of(level)
    getattr(log, method)("event")
    order = ["debug", "info", "warning", "error", "critical"]

    assert bool(stream.getvalue()) == (order.index(method) >= order.index(level))


def test_logger_made_before_configuring_follows() -> None:
    """Loggers of modules exist before the settings are read."""
    log = get_logger("early")
    stream, _ = lines_of()
    log.debug("event")

    assert only(stream)["logger"] == "early"


def test_logger_of_structlog_itself_comes_out_the_same() -> None:
    """Code that asks structlog directly gets our lines, with bound values and context."""
    stream, _ = lines_of()
    with structlog.contextvars.bound_contextvars(attempt="a1"):
        structlog.get_logger("holdfast.server").bind(port=1).warning("event %s", "x")

    assert {"logger": "server", "event": "event x", "port": 1, "attempt": "a1"}.items() <= only(stream).items()


def test_secrets_never_come_out() -> None:
    """Tokens are hidden in values, texts and tracebacks."""
    stream, log = lines_of()
    try:
        raise ValueError(f"bad token {JWT}")
    except ValueError:
        log.exception(f"failed {JWT}", token="geheim", url="/x?token=geheim", headers={"Cookie": "geheim"})
    line = only(stream)

    assert "geheim" not in stream.getvalue()
    assert "c2lnbmF0dXJl" not in stream.getvalue()
    assert "ValueError" in line["exception"]
    assert line["level"] == "error"


def test_exception_of_another_moment_is_written() -> None:
    """`exc_info` takes an exception object."""
    stream, log = lines_of()
    log.error("failed", exc_info=ValueError("late"))

    assert "late" in only(stream)["exception"]


def test_line_of_the_standard_library_is_ours() -> None:
    """Records of other libraries come out in the same shape, redacted."""
    stream, _ = lines_of()
    logging.getLogger("some.library").warning("hello %s ?token=geheim", "you")
    line = only(stream)

    assert (line["logger"], line["level"], line["event"]) == (
        "some.library",
        "warning",
        "hello you ?token=********",
    )


def test_record_with_wrong_arguments_is_written() -> None:
    """A mistake in a library's log call does not raise."""
    stream, _ = lines_of()
    record = logging.makeLogRecord({"name": "some.library", "levelno": 40, "msg": "hello %d", "args": ("you",)})
    logging.getLogger().handlers[-1].handle(record)  # ours alone; pytest's would raise

    assert only(stream)["event"] == "hello %d"


def test_libraries_that_say_what_we_say_are_quiet() -> None:
    """URLs of requests are not logged by others, and never uvicorn's access log."""
    stream, _ = lines_of()
    logging.getLogger("httpx").info("HTTP Request: GET https://x/?token=geheim")
    logging.getLogger("uvicorn.access").error("GET /?token=geheim")
    logging.getLogger("uvicorn.error").info("Started")

    assert stream.getvalue() == ""


def test_warnings_are_logged() -> None:
    """Python's warnings become lines."""
    stream, _ = lines_of()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("old thing", stacklevel=1)
    logging.captureWarnings(False)

    assert "old thing" in only(stream)["event"]


class Awkward:
    """A value that cannot be shown."""

    def __str__(self) -> str:
        raise ValueError("no text")

    __repr__ = __str__


@pytest.mark.parametrize(
    "values",
    [{"bad": Awkward()}, {"event": "twice"}, {"raw": b"\xff\x00"}, {"lone": "\udcff"}, {"inf": float("inf")}],
)
def test_awkward_values_never_raise(values: dict[str, Any]) -> None:
    """Whatever is logged, the event comes out as one line."""
    stream, log = lines_of()
    log.info("event", **values)

    assert "event" in only(stream)["event"]


def test_wrong_arguments_never_raise() -> None:
    """A format that does not fit is written as it is; a percent sign alone is no format."""
    stream, log = lines_of()
    log.info("half %d", "x")
    log.info("50% off")
    first, second = map(json.loads, stream.getvalue().splitlines())

    assert first["event"] == "half %d"
    assert second["event"] == "50% off"


def test_text_stays_on_one_line() -> None:
    """In text form, what a client sent can neither forge a line nor move the cursor."""
    stream, log = lines_of(form="text")
    log.info("event", name="a\nINFO forged\x1b[2J")

    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()
    assert "INFO forged" in stream.getvalue()


def test_format_auto_is_text_on_a_terminal_only() -> None:
    """A pipe gets JSON, a person gets text in colours."""
    piped, log = lines_of(form="auto")
    log.info("event")
    terminal, log = lines_of(form="auto", is_terminal=True)
    log.info("event")

    assert piped.getvalue().startswith("{")
    assert "\x1b[" in terminal.getvalue()


def test_dropped_lines_are_counted_in_a_line() -> None:
    """The line that owns up to lost lines has the shape of all others."""
    stream, _ = lines_of()
    WRITER.write(WRITER.on_dropped(7))
    line = only(stream)

    assert (line["level"], line["logger"], line["event"]) == ("warning", "telemetry.logs", "log_lines_dropped")
    assert line["count"] == 7


def test_in_background_writes_everything_by_the_end() -> None:
    """The thread's lines are out when it is stopped."""
    stream, log = lines_of(in_background=True)
    for _ in range(100):
        log.info("event")
    WRITER.stop()

    assert stream.getvalue().count("\n") == 100


@pytest.mark.parametrize(
    ("number", "level"), [(5, "debug"), (10, "debug"), (25, "info"), (40, "error"), (99, "critical")]
)
def test_log_takes_the_numbers_of_the_standard_library(number: int, level: str) -> None:
    """Numbers between the names fall to the lower one."""
    stream, log = lines_of()
    log.log(number, "event")

    assert only(stream)["level"] == level
