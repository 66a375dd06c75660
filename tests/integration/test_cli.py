"""The commands that speak to a gateway, against a real one."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from tests.gateway import API_KEY, SECRET

HOLDFAST = Path(sys.executable).with_name("holdfast")
PATIENCE_SECONDS = 30.0


def environment(**extra: str) -> dict[str, str]:
    """Return the environment without settings of whoever runs the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")} | extra


def holdfast(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [HOLDFAST, *arguments],
        capture_output=True,
        text=True,
        env=environment(**extra),
        timeout=PATIENCE_SECONDS,
        check=False,
    )


class Background:
    """A command that goes on, and what it has printed so far."""

    def __init__(self, folder: Path, *command: str | Path, shell: bool = False, **extra: str) -> None:
        self._out, self._err = folder / "out.txt", folder / "err.txt"
        with self._out.open("w") as out, self._err.open("w") as err:
            self.process = subprocess.Popen(
                command[0] if shell else command,
                shell=shell,
                stdout=out,
                stderr=err,
                cwd=folder,
                env=environment(**extra),
            )

    @property
    def out(self) -> str:
        """Return its standard output."""
        return self._out.read_text()

    @property
    def err(self) -> str:
        """Return its standard error."""
        return self._err.read_text()

    def wait_for(self, text: str) -> None:
        """Wait until it printed a text."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while text not in self.out + self.err:
            assert time.monotonic() < deadline, f"no {text!r} in\n{self.out}\n{self.err}"
            time.sleep(0.02)

    def end(self) -> int:
        """Stop it as a person does, and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE_SECONDS)


@contextlib.contextmanager
def background(folder: Path, *command: str | Path, **options: object) -> Iterator[Background]:
    """Run a command beside the test."""
    folder.mkdir()
    running = Background(folder, *command, **options)
    try:
        yield running
    finally:
        running.end()


@pytest.fixture
def doors(gateway) -> tuple[str, ...]:
    """The options that lead to the shared gateway's API."""
    return ("--url", gateway.url, "--api-key", API_KEY)


def test_publish_reaches_a_subscriber(gateway, doors, tmp_path):
    """What one command publishes, another prints, and ends after the count."""
    way = ("--url", gateway.url, "--token", gateway.token("cli"))
    with background(tmp_path / "s", HOLDFAST, "subscribe", "full:cli-1", *way, "--count", "1") as subscriber:
        subscriber.wait_for("full:cli-1: subscribed")
        published = holdfast("publish", "full:cli-1", '{"text": "hello"}', "--json", *doors)

        assert published.returncode == 0
        assert subscriber.process.wait(PATIENCE_SECONDS) == 0
        assert subscriber.out == f'full:cli-1 {json.loads(published.stdout)["offset"]} {{"text": "hello"}}\n'


def test_bytes_reach_a_protobuf_subscriber(gateway, doors, tmp_path):
    """What is no JSON travels from command to command in base64; a JSON subscriber is refused by name."""
    way = ("--url", gateway.url, "--token", gateway.token("cli"))
    refused = holdfast("subscribe", "bytes:cli-3", *way)
    assert refused.returncode == 2
    assert "binary_channel" in refused.stderr
    with background(
        tmp_path / "s", HOLDFAST, "subscribe", "bytes:cli-3", *way, "--protobuf", "--count", "1"
    ) as follower:
        follower.wait_for("bytes:cli-3: subscribed")
        published = holdfast("publish", "bytes:cli-3", "/w==", "--base64", *doors)

        assert published.returncode == 0
        assert follower.process.wait(PATIENCE_SECONDS) == 0
        assert follower.out == 'bytes:cli-3 1 {"b64data": "/w=="}\n'


def test_subscribe_makes_its_own_tokens(gateway, tmp_path):
    """With the gateway's settings at hand any channel can be followed, even one closed to clients."""
    settings = tmp_path / "mine.yaml"
    settings.write_text(yaml.safe_dump({"port": gateway.port, "token": {"hmac_secret": SECRET}}))

    with background(
        tmp_path / "s", HOLDFAST, "subscribe", "closed:cli-2", "--config", settings, "--json", "--count", "1"
    ) as subscriber:
        subscriber.wait_for("closed:cli-2: subscribed")
        gateway.call("publish", channel="closed:cli-2", data=[1])

        assert subscriber.process.wait(PATIENCE_SECONDS) == 0
        assert json.loads(subscriber.out)["data"] == [1]


def test_subscribe_recovers_over_a_restart(start_gateway, tmp_path):
    """A subscriber goes on where it stopped: nothing is lost or doubled over a stop and a start."""
    gateway = start_gateway({"broker": {"snapshot_path": str(tmp_path / "history")}})
    arguments = ("--url", gateway.url, "--token", gateway.token("cli"), "--count", "4")

    with background(tmp_path / "s", HOLDFAST, "subscribe", "recover:cli", *arguments) as subscriber:
        subscriber.wait_for("recover:cli: subscribed")
        for number in (1, 2):
            gateway.call("publish", channel="recover:cli", data=number)
        subscriber.wait_for("recover:cli 2 2\n")
        assert gateway.stop() == 0
        gateway.start()
        for number in (3, 4):
            gateway.call("publish", channel="recover:cli", data=number)

        assert subscriber.process.wait(PATIENCE_SECONDS) == 0
        assert subscriber.out.splitlines() == [f"recover:cli {number} {number}" for number in (1, 2, 3, 4)]
        assert "connection lost: shutdown (3001)" in subscriber.err


@pytest.mark.parametrize(
    ("options", "slug"),
    [(("--token", "nonsense"), "token_malformed"), ((), "token_missing")],
)
def test_subscribe_says_why_it_was_refused(gateway, options, slug):
    """A final refusal exits 2 with cause and remedy."""
    refused = holdfast("subscribe", "full:cli-3", "--url", gateway.url, *options)

    assert refused.returncode == 2
    assert slug in refused.stderr
    assert refused.stdout == ""


def test_subscribe_ends_when_every_channel_is_refused(gateway):
    """A channel that may not be followed is named."""
    refused = holdfast("subscribe", "closed:cli-4", "--url", gateway.url, "--token", gateway.token("cli"))

    assert refused.returncode == 2
    assert "permission_denied" in refused.stderr


def test_channels_and_info_show_what_lives(gateway, doors, tmp_path):
    """A followed channel is listed, and the instance with its numbers."""
    with background(
        tmp_path / "s", HOLDFAST, "subscribe", "full:cli-5", "--url", gateway.url, "--token", gateway.token("cli")
    ) as subscriber:
        subscriber.wait_for("full:cli-5: subscribed")
        channels = holdfast("channels", "full:cli-5", "--json", *doors)
        info = holdfast("info", "--json", *doors)

    assert json.loads(channels.stdout) == {"full:cli-5": {"num_clients": 1}}
    assert json.loads(info.stdout)[0]["num_clients"] >= 1


def test_wrong_api_key_is_refused(gateway):
    """Exit 2, and the remedy instead of the key."""
    refused = holdfast("info", "--url", gateway.url, "--api-key", "not-this-one")

    assert refused.returncode == 2
    assert "not-this-one" not in refused.stderr


def test_health_tells_ready(gateway):
    """A gateway that serves is ready."""
    assert holdfast("health", "--url", gateway.url).returncode == 0


def test_dev_start_prints_lines_that_work(tmp_path):
    """The lines of `serve --dev` do what they say when they are pasted into another terminal."""
    with background(tmp_path / "gateway", HOLDFAST, "serve", "--dev", "--port", "0") as gateway:
        gateway.wait_for("Ctrl-C stops the gateway")
        lines = [line.strip() for line in (gateway.out + gateway.err).splitlines()]
        subscribe = next(line for line in lines if "holdfast subscribe " in line)
        curl = next(line for line in lines if line.startswith("curl "))
        with background(tmp_path / "subscriber", f"exec {subscribe}", shell=True) as subscriber:
            subscriber.wait_for("news: subscribed")
            published = subprocess.run(curl, shell=True, capture_output=True, text=True, env=environment(), check=False)

            assert json.loads(published.stdout)["result"]["offset"] == 1
            subscriber.wait_for('news 1 {"text": "hello"}')
            # The other commands, typed in the gateway's folder, find it by the file it made.
            shown = subprocess.run(
                [HOLDFAST, "config", "check"], cwd=tmp_path / "gateway", env=environment(), check=False
            )
            assert shown.returncode == 0
        assert gateway.end() == 0


def test_serve_on_a_taken_port_says_what_to_do(tmp_path):
    """The address is named, there is no traceback, and the exit code is 2."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = subprocess.run(
            [HOLDFAST, "serve", "--dev", "--port", str(port)],
            capture_output=True,
            text=True,
            env=environment(),
            cwd=tmp_path,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    assert refused.returncode == 2
    assert f"127.0.0.1:{port}" in refused.stdout + refused.stderr
    assert "Traceback" not in refused.stdout + refused.stderr
    assert f"--port {port + 1}" in refused.stdout + refused.stderr


# Ctrl-C in the middle of loading one module.
INTERRUPTED = """
import os, signal, sys

def interrupt(event, arguments):
    if event == "import" and arguments[0] == os.environ["INTERRUPTED_MODULE"]:
        os.kill(os.getpid(), signal.SIGINT)

sys.addaudithook(interrupt)
from holdfast.__main__ import main
main()
"""


@pytest.mark.parametrize(
    "module",
    ["holdfast.cli", "typer", "holdfast.cli.serve", "pydantic", "holdfast.settings", "holdfast.main", "uvicorn"],
)
def test_interrupt_while_loading_is_quiet(module):
    """Whoever changes their mind in the first moments gets 130 and no traceback."""
    ended = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, "serve"],
        capture_output=True,
        text=True,
        env=environment(INTERRUPTED_MODULE=module),
        timeout=PATIENCE_SECONDS,
        check=False,
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


def test_command_is_the_one_that_bears_an_interrupt():
    """What is installed begins where Ctrl-C is quiet."""
    (entry,) = metadata.entry_points(group="console_scripts", name="holdfast")

    assert entry.value == "holdfast.__main__:main"
