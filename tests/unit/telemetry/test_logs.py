"""Logs: one shape for all, safe whatever is logged."""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import structlog

from holdfast.settings_logs import LogSettings
from holdfast.telemetry import metrics
from holdfast.telemetry.logs import (
    WRITER,
    bind_instance,
    configure_logging,
    finish_logging,
    get_logger,
    reopen_log_file,
    report_left_out,
)

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl"


@pytest.fixture(autouse=True)
def restore() -> Iterator[None]:
    """Leave logging as it was found."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    configure_logging(LogSettings())
    bind_instance("")
    logging.captureWarnings(False)
    root.handlers, root.level = handlers, level


def lines_of(
    level: str = "debug", form: str = "json", settings: dict[str, Any] | None = None, **options: Any
) -> tuple[io.StringIO, Any]:
    """Configure logging into a buffer and return it with a logger."""
    stream = io.StringIO()
    configure_logging(LogSettings(level=level, format=form, **(settings or {})), stream, **options)
    return stream, get_logger("holdfast.part")


def data_of(stream: io.StringIO) -> list[dict[str, Any]]:
    """Return the lines of the buffer as data."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def only(stream: io.StringIO) -> dict[str, Any]:
    """Return the one line of the buffer as data."""
    (line,) = stream.getvalue().splitlines()
    data: dict[str, Any] = json.loads(line)
    return data


def test_line_is_json_with_fixed_keys_first() -> None:
    """Time in UTC, level, category, logger, event, then the rest."""
    stream, log = lines_of()
    log.info("connected", user="7", count=3)
    line = only(stream)

    assert list(line) == ["time", "level", "category", "logger", "event", "user", "count"]
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


def test_text_of_a_traceback_moves_no_cursor() -> None:
    """What a client sent may stand in an exception's text."""
    stream, log = lines_of(form="text")
    try:
        raise ValueError("\x1b[2Jcame\r\x9b")
    except ValueError:
        log.exception("event")
    written = stream.getvalue()

    assert "Traceback" in written
    assert "came" in written
    assert not {"\x1b", "\r", "\x9b"} & set(written)


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


def test_every_line_names_the_instance_once_it_is_known() -> None:
    """Said at the start, the name is in all lines to come, of libraries too."""
    stream, log = lines_of()
    log.info("before")
    bind_instance("gw-1")
    log.info("after")
    logging.getLogger("some.library").warning("hello")

    assert [line.get("instance") for line in data_of(stream)] == [None, "gw-1", "gw-1"]


def test_fields_of_the_line_cannot_be_replaced() -> None:
    """Whatever is logged under a name of ours stands beside it."""
    stream, log = lines_of()
    log.info("event", time="never", category="mine", logger="other", level="none")
    line = only(stream)

    assert (line["level"], line["category"], line["logger"]) == ("info", "admin", "part")
    assert (line["time_"], line["category_"], line["logger_"]) == ("never", "mine", "other")


def test_lines_are_counted_by_level_and_category() -> None:
    """The metric tells how much of what is said."""
    before = metrics.REGISTRY.get_sample_value("holdfast_log_lines_total", {"level": "info", "category": "auth"}) or 0
    lines_of()
    get_logger("auth.token").info("event")

    after = metrics.REGISTRY.get_sample_value("holdfast_log_lines_total", {"level": "info", "category": "auth"})
    assert after == before + 1


def test_line_that_repeats_is_counted_instead() -> None:
    """A burst of one event and cause is written, the rest is a number; other causes go on."""
    stream, log = lines_of(settings={"repeat_rate": 0.001, "repeat_burst": 3})
    for _ in range(10):
        log.info("refused", slug="a")
    log.info("refused", slug="b")
    report_left_out()
    report_left_out()
    lines = data_of(stream)

    assert [line["event"] for line in lines] == ["refused"] * 4 + ["repeated"]
    assert {"of": "refused", "slug": "a", "count": 7, "level": "info", "logger": "part"}.items() <= lines[-1].items()


def test_canonical_lines_are_never_left_out() -> None:
    """The durable record of a connection is complete."""
    stream, log = lines_of(settings={"repeat_rate": 0.001, "repeat_burst": 1})
    for _ in range(10):
        log.info("connection_closed", slug="client_gone")

    assert len(data_of(stream)) == 10


def test_tracebacks_that_repeat_are_counted_instead() -> None:
    """A fault that comes with every message is told a few times."""
    stream, log = lines_of(settings={"repeat_rate": 0.001, "repeat_burst": 2})
    for _ in range(5):
        log.error("failed", exc_info=ValueError("x"))
    finish_logging()
    lines = data_of(stream)

    assert [line["event"] for line in lines] == ["failed", "failed", "repeated"]
    assert (lines[-1]["count"], lines[-1]["level"]) == (3, "error")


def test_lines_of_a_library_repeat_by_their_template() -> None:
    """A library that says the same of a thousand addresses is limited too."""
    stream, _ = lines_of(settings={"repeat_rate": 0.001, "repeat_burst": 2})
    for number in range(5):
        logging.getLogger("some.library").warning("lost %d", number)
    report_left_out()
    lines = data_of(stream)

    assert [line["event"] for line in lines] == ["lost 0", "lost 1", "repeated"]
    assert (lines[-1]["of"], lines[-1]["count"]) == ("lost %d", 3)


def test_limit_of_zero_leaves_nothing_out() -> None:
    """Who wants every line gets it."""
    stream, log = lines_of(settings={"repeat_rate": 0})
    for _ in range(1000):
        log.info("event")

    assert len(data_of(stream)) == 1000


def test_file_gets_json_whatever_the_terminal_is(tmp_path: Path) -> None:
    """`auto` is for people at a terminal; a file is for programs."""
    path = tmp_path / "gateway.log"
    configure_logging(LogSettings(file=path), is_terminal=True)
    get_logger("holdfast.part").info("event")

    assert json.loads(path.read_text())["event"] == "event"


def test_file_moved_away_is_made_again_on_request(tmp_path: Path) -> None:
    """Lines before are in the old file, lines after in the new one, also when a thread writes."""
    path = tmp_path / "gateway.log"
    configure_logging(LogSettings(file=path), in_background=True)
    log = get_logger("holdfast.part")
    log.info("before")
    reopen_log_file()
    finish_logging()
    path.rename(tmp_path / "old")
    configure_logging(LogSettings(file=path), in_background=True)
    log.info("after")
    finish_logging()

    assert "before" in (tmp_path / "old").read_text()
    assert "after" in path.read_text()


def test_reopening_without_a_file_does_nothing() -> None:
    """SIGHUP is for others then."""
    stream, log = lines_of()
    reopen_log_file()
    log.info("event")

    assert only(stream)["event"] == "event"


def test_file_that_cannot_be_opened_leaves_standard_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line says why, in the shape of all others, and nothing is lost."""
    configure_logging(LogSettings(file=tmp_path / "gone" / "gateway.log"))
    log = get_logger("holdfast.part")
    log.info("first")
    log.info("second")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    assert [line["event"] for line in lines] == ["log_file_failed", "first", "second"]
    assert lines[0]["reason"] == "No such file or directory"
    assert metrics.REGISTRY.get_sample_value("holdfast_log_file_failures_total") == 1
