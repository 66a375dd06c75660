"""Commands on another machine, by a program that plays ssh."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.ops.ssh import SshHost
from tests.unit.cli.ops.fake_ssh import FakeSsh, install

UNREACHED = "echo 'ssh: connect to host gw1 port 22: No route to host' >&2; exit 255"


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSsh:
    """The program."""
    return install(tmp_path / "bin", monkeypatch)


def host(config: str = "") -> SshHost:
    """Return a machine; nobody waits."""
    return SshHost("deploy@gw1", config, sleep=lambda _: None)


def test_words_arrive_as_they_are(ssh: FakeSsh) -> None:
    """Quoted for the other side's shell, behind the end of options, and no password is ever asked for."""
    host("/etc/ssh_config").do("systemctl", "stop", "--", "a b'; reboot #.service")
    (words,) = ssh.calls

    assert words[:2] == ["-T", "-F"]
    assert words[2] == "/etc/ssh_config"
    assert "BatchMode=yes" in words
    assert words[-3:-1] == ["--", "deploy@gw1"]
    assert words[-1] == """sudo -n -- systemctl stop -- 'a b'"'"'; reboot #.service'"""


def test_machine_that_is_not_reached_is_named_with_the_remedy(ssh: FakeSsh) -> None:
    """A failure of ssh itself is another one than the command's; what changes something is not tried twice."""
    ssh.answers(UNREACHED)
    with pytest.raises(
        CliError, match=r"deploy@gw1: ssh did not get there: .*No route.*\n.*ssh deploy@gw1 true"
    ) as error:
        host().do("systemctl", "stop", "x")

    assert error.value.code == Exit.UNKNOWN
    assert len(ssh.calls) == 1


@pytest.mark.parametrize(
    "said",
    [
        "ssh: Could not resolve hostname gw1: Name or service not known",
        "kex_exchange_identification: Connection closed by remote host\\nConnection closed by 10.0.0.1 port 22",
        "A banner of theirs\\ndeploy@gw1: Permission denied (publickey).",
        "No ED25519 host key is known for gw1 and you have requested strict checking.\\nHost key verification failed.",
        "Connection timed out during banner exchange",
        "channel 0: open failed: connect failed\\nstdio forwarding failed",
    ],
)
def test_what_ssh_says_before_the_command_is_told_as_such(ssh: FakeSsh, said: str) -> None:
    """Nothing was done there."""
    ssh.answers(f"printf '{said}' >&2; exit 255")
    with pytest.raises(CliError, match="did not get there"):
        host().do("systemctl", "stop", "x")


@pytest.mark.parametrize(
    ("words", "look"),
    [
        (("systemctl", "stop", "--", "holdfast@1a.service"), "systemctl status holdfast@1a.service"),
        (("touch", "/x"), "sudo journalctl -n 20"),
    ],
)
@pytest.mark.parametrize(
    "said",
    [
        "client_loop: send disconnect: Broken pipe",
        "Timeout, server gw1 not responding.",
        "Connection closed by gw1",
        "",
    ],
)
def test_connection_that_was_lost_may_have_done_it(ssh: FakeSsh, words: tuple[str, ...], look: str, said: str) -> None:
    """The words say so, and how to look; what changes something is not tried again."""
    ssh.answers(f"echo '{said}' >&2; exit 255")
    with pytest.raises(CliError, match="may have been done") as error:
        host().do(*words)

    assert f"`{' '.join(words[:2])}`" in str(error.value)
    assert f"Look with `ssh deploy@gw1 {look}`." in str(error.value)
    assert (error.value.code, len(ssh.calls)) == (Exit.UNKNOWN, 1)


def test_file_whose_replacement_was_cut_is_looked_at(ssh: FakeSsh) -> None:
    """It is the old one or the new one; its time says which."""
    ssh.answers("exit 255")
    with pytest.raises(CliError, match=r"Look with `ssh deploy@gw1 sudo ls -l '/etc/a b'`"):
        host().replace("/etc/a b", b"new")


def test_looking_is_tried_again(ssh: FakeSsh) -> None:
    """A link that was away for a moment does not end a roll; one that stays away does."""
    ssh.answers(UNREACHED, "echo there", UNREACHED)

    assert host().look("cat", "x") == b"there\n"
    with pytest.raises(CliError, match="did not get there"):
        host().look("cat", "x")
    assert len(ssh.calls) == 5


def test_command_that_fails_says_why(ssh: FakeSsh) -> None:
    """With its exit code and its last words."""
    ssh.answers("echo 'Unit x.service not found.' >&2; exit 5")
    with pytest.raises(CliError, match=r"`systemctl start` ended with 5: Unit x.service not found\.") as error:
        host().do("systemctl", "start", "x")

    assert error.value.code == Exit.REFUSED


def test_sudo_that_would_ask_is_named(ssh: FakeSsh) -> None:
    """It is nothing that the command could have said."""
    ssh.answers("echo 'sudo: a password is required' >&2; exit 1")
    with pytest.raises(CliError, match="NOPASSWD"):
        host().look("true")


def test_command_that_hangs_is_given_up(ssh: FakeSsh) -> None:
    """After the time it was given."""
    ssh.answers("exec sleep 60")
    with pytest.raises(CliError, match=r"took longer than 0\.2 s"):
        host().do("true", seconds=0.2)


def test_no_program_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    for act in (lambda: host().do("true"), lambda: host().tunnel(9000).open(lambda _: None)):
        with pytest.raises(CliError, match="openssh-client"):
            act()


def test_file_is_given_by_standard_input(ssh: FakeSsh) -> None:
    """Its content, which may be secret, is in no command line of either machine."""
    host().replace("/etc/holdfast/a b.json", b"secret\n")

    assert ssh.given(1) == b"secret\n"
    assert ssh.commands[0].startswith("sudo -n -- sh -c 'set -eu;")
    assert ssh.commands[0].endswith("sh '/etc/holdfast/a b.json'")
    assert "secret" not in ssh.commands[0]


def test_tunnel_that_does_not_come_about_says_why(ssh: FakeSsh) -> None:
    """With what ssh said, and is gone."""
    ssh.answers(UNREACHED)
    tunnel = host().tunnel(9000)
    with pytest.raises(CliError, match=r"no tunnel: .*No route"):
        tunnel.open()
    tunnel.close()
    (words,) = ssh.calls

    assert f"{tunnel.socket}:127.0.0.1:9000" in words
    assert "ExitOnForwardFailure=yes" in words
    assert "LogLevel=ERROR" in words


def test_tunnel_lets_nobody_else_in() -> None:
    """It ends in a socket whose folder is its owner's alone, and leaves nothing."""
    tunnel = host().tunnel(9000)
    folder = Path(tunnel.socket).parent
    mode = folder.stat().st_mode & 0o777
    tunnel.close()

    assert mode == 0o700
    assert not folder.exists()
