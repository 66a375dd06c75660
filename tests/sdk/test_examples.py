"""The examples do what their READMEs say."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue

import pytest

from holdfast.settings_load import load_settings
from tests.gateway import API_KEY
from tests.parts import require
from tests.sdk.gateway import SdkGateway
from tests.sdk.support import PATIENCE_SECONDS, token, unique

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
CHATS = {
    "javascript": ["node", str(EXAMPLES / "javascript" / "chat.mjs")],
    "python": [sys.executable, str(EXAMPLES / "python" / "chat.py")],
}
Start = Callable[[str, str, str], "Chat"]


class Chat:
    """An example as a process, fed and read line by line."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._lines: Queue[str] = Queue()
        self._process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))

    def expect(self, wanted: str) -> None:
        """Read until the wanted line."""
        seen = []
        while True:
            try:
                seen.append(self._lines.get(timeout=PATIENCE_SECONDS))
            except Empty:
                pytest.fail(f"{wanted!r} was not printed, but {seen}")
            if seen[-1] == wanted:
                return

    def type(self, line: str) -> None:
        """Type one line."""
        assert self._process.stdin
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def end(self) -> int:
        """End the input and return the exit code."""
        assert self._process.stdin
        self._process.stdin.close()
        return self._process.wait(PATIENCE_SECONDS)

    def close(self) -> None:
        """Leave nothing behind."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe
            pipe.close()


@pytest.fixture
def start(sdk_gateway: SdkGateway) -> Iterator[Start]:
    """Start an example as some user in some channel."""
    started: list[Chat] = []

    def start_one(language: str, user: str, channel: str) -> Chat:
        environment = {
            "CHAT_URL": sdk_gateway.ws_url,
            "CHAT_TOKEN": token(sub=user),
            "CHAT_CHANNEL": channel,
        }
        started.append(Chat(CHATS[language], environment))
        return started[-1]

    yield start_one
    for chat in started:
        chat.close()


@pytest.mark.parametrize("language", CHATS)
def test_chat_talks(language: str, start: Start, sdk_gateway: SdkGateway) -> None:
    """The chat shows who is there, prints what comes, publishes what is typed and leaves at the end of input."""
    if language == "javascript":
        require("npm:examples/javascript")
    channel = unique("chat:")

    ann = start(language, "ann", channel)
    ann.expect(f"subscribed to {channel}")
    ann.expect("here now: ann")
    bob = start("python", "bob", channel)
    bob.expect("here now: ann, bob")
    ann.expect("+ bob")
    ann.type("hello")
    bob.expect("ann: hello")
    sdk_gateway.api("publish", channel=channel, data={"text": "from the backend"})
    ann.expect("backend: from the backend")
    assert bob.end() == 0
    ann.expect("- bob")
    assert ann.end() == 0


@pytest.mark.parametrize("language", CHATS)
def test_chat_says_why_it_cannot(language: str, sdk_gateway: SdkGateway) -> None:
    """Without a token the chat says where to get one; with a wrong one it says why it stopped."""
    if language == "javascript":
        require("npm:examples/javascript")
    environment = {**os.environ, "CHAT_URL": sdk_gateway.ws_url, "CHAT_TOKEN": ""}

    without = run(CHATS[language], environment)
    wrong = run(CHATS[language], environment | {"CHAT_TOKEN": "nonsense"})

    assert without.returncode == 3
    assert "holdfast token create" in without.stderr
    assert wrong.returncode == 2
    assert "disconnected: token_malformed (3500)" in wrong.stdout


def test_publish_says_where_the_message_went(sdk_gateway: SdkGateway) -> None:
    """The backend's example publishes, or says why not."""
    command = [sys.executable, str(EXAMPLES / "python" / "publish.py"), "hello", "there"]
    channel = unique("chat:")
    environment = {**os.environ, "CHAT_API_URL": f"{sdk_gateway.url}/api", "CHAT_API_KEY": API_KEY}

    good = run(command, environment | {"CHAT_CHANNEL": channel})
    bad = run(command, environment | {"CHAT_CHANNEL": "nowhere:x"})
    stranger = run(command, environment | {"CHAT_API_KEY": "wrong"})

    assert (good.returncode, good.stdout) == (0, f"published to {channel} at offset 1\n")
    assert (bad.returncode, bad.stderr) == (2, "refused: unknown_channel (102)\n")
    assert (stranger.returncode, "CHAT_API_KEY" in stranger.stderr) == (2, True)
    history = sdk_gateway.api("history", channel=channel, limit=1)
    assert history["publications"][0]["data"] == {"text": "hello there"}


def test_quickstart_settings_are_fine(tmp_path: Path) -> None:
    """The settings that the quick start tells to write down are accepted as they stand."""
    text = (EXAMPLES.parent / "docs" / "quickstart.md").read_text()
    block = text.split("```yaml\n", 1)[1].split("```", 1)[0]
    file = tmp_path / "holdfast.yaml"
    file.write_text(block)

    settings = load_settings(file, {})

    assert [namespace.name for namespace in settings.channel.namespaces] == ["news"]


def run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run an example that ends by itself."""
    return subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False
    )
