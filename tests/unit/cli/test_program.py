"""Tests of holdfast.cli.program."""

import sys

import pytest
from typer.exceptions import TyperException

from holdfast.cli import program
from holdfast.errors import GatewayError


def test_usage_error_exits_three(cli):
    """A wrong option is bad usage, and 2 would mean that something was refused."""
    outcome = cli("version", "--wrong")

    assert outcome.code == 3
    assert "--wrong" in outcome.err


def test_no_arguments_prints_help(cli):
    """`holdfast` alone lists the commands."""
    outcome = cli()

    assert outcome.code == 3
    assert "subscribe" in outcome.err + outcome.out


def test_help_exits_zero(cli):
    """Asking for help is no mistake."""
    assert cli("--help").code == 0


def test_settings_faults_exit_three(cli, monkeypatch):
    """All faults are listed."""
    monkeypatch.setenv("HOLDFAST_PORT", "http")
    monkeypatch.setenv("HOLDFAST_PROT", "1")

    outcome = cli("config", "check")

    assert outcome.code == 3
    assert "HOLDFAST_PORT" in outcome.err
    assert "HOLDFAST_PROT" in outcome.err


def test_gateway_error_exits_two_with_its_remedy(cli, monkeypatch):
    """An error with a slug is a refusal and says what to do."""

    def fail(*_: object) -> None:
        raise GatewayError("token_expired", "expected one from today")

    monkeypatch.setattr("holdfast.codes_docs.render_codes_docs", fail)

    outcome = cli("codes", "--markdown")

    assert outcome.code == 2
    assert "token_expired: expected one from today" in outcome.err


def test_interrupt_exits_130(cli, monkeypatch):
    """Ctrl-C ends a command as shells expect, without a traceback."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("holdfast.codes_docs.render_codes_docs", interrupt)

    assert cli("codes", "--markdown").code == 130


def test_end_of_input_aborts(cli, monkeypatch):
    """A prompt that nobody can answer ends the command."""

    def end(*_: object) -> None:
        raise EOFError

    monkeypatch.setattr("holdfast.codes_docs.render_codes_docs", end)

    outcome = cli("codes", "--markdown")

    assert (outcome.code, outcome.err.strip()) == (1, "Aborted.")


def test_error_of_typer_is_shown_whatever_its_kind(capsys):
    """One that cannot show itself is printed as it reads."""
    program.show_error(TyperException("what is wrong"))

    assert capsys.readouterr().err == "what is wrong\n"


def test_main_exits_with_the_code(monkeypatch):
    """The console script's exit code is the command's."""
    monkeypatch.setattr(sys, "argv", ["holdfast", "codes", "no-such-slug"])

    with pytest.raises(SystemExit) as end:
        program.main()

    assert end.value.code == 3


def test_app_exits_by_itself_in_standalone_mode():
    """The typer application alone ends the process with the same codes."""
    with pytest.raises(SystemExit) as end:
        program.app(["codes", "no-such-slug"])

    assert end.value.code == 3
