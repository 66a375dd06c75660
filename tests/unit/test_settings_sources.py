"""The settings file and the environment, read without traps."""

from pathlib import Path
from typing import Any

import pytest

from holdfast.settings_sources import put, read_environment, read_file


def file_with(tmp_path: Path, text: str | bytes) -> Path:
    """Write a settings file."""
    path = tmp_path / "holdfast.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("", {}),
        ("# nothing\n", {}),
        ("port: 80", {"port": 80}),
        ("a: no\nb: off\nc: true", {"a": "no", "b": "off", "c": True}),
        ("a: 2026-01-31\nb: 1:30\nc: 0123", {"a": "2026-01-31", "b": "1:30", "c": "0123"}),
        ("a: 1.5\nb: 1e3\nc: -7\nd: .nan\ne: ~", {"a": 1.5, "b": 1000.0, "c": -7, "d": ".nan", "e": None}),
        ("a: &x {n: 1}\nb: *x", {"a": {"n": 1}, "b": {"n": 1}}),
        ("a: &x {n: 1, m: 2}\nb:\n  <<: *x\n  n: 3", {"a": {"n": 1, "m": 2}, "b": {"n": 3, "m": 2}}),
        ("a: {b: [1, {c: d}]}", {"a": {"b": [1, {"c": "d"}]}}),
    ],
)
def test_read_file_reads_plain_yaml(tmp_path: Path, text: str, data: dict[str, Any]) -> None:
    """Words and dates stay texts; numbers and flags are what they look like."""
    source = read_file(file_with(tmp_path, text))

    assert source.faults == []
    assert source.data == data


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("port: 80\nclient: [\n", "line 3, column 1: expected YAML"),
        ("a: *geheim", "expected YAML, saw: found undefined alias '…'"),
        ("a: !geheim x", "expected YAML, saw: could not determine a constructor for the tag '…'"),
        ("port: 80\nport: 81\n", "line 2, column 1: expected YAML, saw: port stands here twice"),
        ("80: x\n", "expected a name before the colon"),
        ("[a, b]: x\n", "expected a name before the colon"),
        ("- a\n", "expected `name: value` lines"),
        ("just words", "expected `name: value` lines"),
        ("a: !!python/object:os.system x", "expected YAML"),
        ("a: !!timestamp 2026-01-01", "expected YAML"),
        ("a: &a [*a]", "beyond all measure"),
        ("a: " + "9" * 5000, "beyond all measure"),
        ("a: " + "[" * 5000, "beyond all measure"),
        ('a: "\\ud800"', "beyond all measure"),
        ("a: 1\n---\nb: 2\n", "expected YAML"),
        (b"a: \xff", "expected UTF-8 text, saw other bytes at position 3"),
        ("a: \x00", "expected YAML"),
    ],
)
def test_read_file_names_what_cannot_be_read(tmp_path: Path, text: str | bytes, words: str) -> None:
    """Broken files end in a fault with the line, never in a traceback."""
    source = read_file(file_with(tmp_path, text))

    assert words in source.faults[0].text
    assert source.data == {}


def test_read_file_without_file_is_a_fault(tmp_path: Path) -> None:
    """A file that was named must be there, and be a file."""
    assert "No such file" in read_file(tmp_path / "missing.yaml").faults[0].text
    assert "directory" in read_file(tmp_path).faults[0].text


@pytest.mark.parametrize(
    ("name", "text", "data"),
    [
        ("HOLDFAST_PORT", "80", {"port": 80}),
        ("HOLDFAST_INTERNAL_PORT", "", {"internal_port": None}),
        ("HOLDFAST_HOST", "80", {"host": "80"}),
        ("HOLDFAST_CLIENT__ALLOW_ANONYMOUS", "yes", {"client": {"allow_anonymous": True}}),
        ("HOLDFAST_CLIENT__ALLOW_ANONYMOUS", "maybe", {"client": {"allow_anonymous": "maybe"}}),
        ("HOLDFAST_CLIENT__COMMAND_RATE", "1.5", {"client": {"command_rate": 1.5}}),
        ("HOLDFAST_CLIENT__PING_INTERVAL", "30s", {"client": {"ping_interval": "30s"}}),
        ("HOLDFAST_CLIENT__ALLOWED_ORIGINS", '["*"]', {"client": {"allowed_origins": ["*"]}}),
        ("HOLDFAST_TOKEN__JWKS", '{"url": "https://x"}', {"token": {"jwks": {"url": "https://x"}}}),
        ("HOLDFAST_TOKEN__SUBSCRIPTION__ISSUER", "i", {"token": {"subscription": {"issuer": "i"}}}),
        ("OTHER_PORT", "80", {}),
        ("HOLDFAST_CONFIG", "x.yaml", {}),
    ],
)
def test_read_environment_converts_by_type(name: str, text: str, data: dict[str, Any]) -> None:
    """A variable's text becomes what the file would have held."""
    source = read_environment({name: text})

    assert source.faults == []
    assert source.data == data


def test_read_environment_lets_single_settings_win_over_their_group() -> None:
    """The JSON of a group is the ground, its single variables lie over it."""
    source = read_environment(
        {"HOLDFAST_TOKEN__JWKS__URL": "https://b", "HOLDFAST_TOKEN__JWKS": '{"url": "https://a", "timeout": 1}'}
    )

    assert source.data == {"token": {"jwks": {"url": "https://b", "timeout": 1}}}


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"HOLDFAST_PROT": "geheim"}, "HOLDFAST_PROT: no such setting"),
        ({"HOLDFAST_port": "80"}, "HOLDFAST_port: no such setting; did you mean HOLDFAST_PORT?"),
        ({"HOLDFAST_": "x"}, "HOLDFAST_: no such setting"),
        ({"HOLDFAST_API__KEYS": "geheim"}, "expected a list as JSON, saw a text (not shown"),
        ({"HOLDFAST_CLIENT__ALLOWED_ORIGINS": "*"}, 'expected a list as JSON, saw "*"'),
        ({"HOLDFAST_TOKEN__JWKS": "{"}, "expected an object as JSON"),
        ({"HOLDFAST_CLIENT__ALLOWED_ORIGINS": "[" * 100_000}, "expected a list as JSON"),
        ({"HOLDFAST_HOST": "\udcff"}, "expected UTF-8 text"),
        ({"HOLDFAST_HOST_FILE": "/x"}, "HOLDFAST_HOST_FILE: no such setting"),
        ({"HOLDFAST_TOKEN__HMAC_SECRET_FILE": "/nothing/here"}, "expected a readable file at /nothing/here"),
        (
            {"HOLDFAST_TOKEN__HMAC_SECRET_FILE": "/x", "HOLDFAST_TOKEN__HMAC_SECRET": "geheim"},
            "expected either this or HOLDFAST_TOKEN__HMAC_SECRET, saw both",
        ),
    ],
)
def test_read_environment_names_what_it_cannot_use(environ: dict[str, str], words: str) -> None:
    """Faults name the variable and never show what may be secret."""
    faults = read_environment(environ).faults

    assert len(faults) == 1
    assert words in faults[0].text
    assert "geheim" not in faults[0].text


def test_read_environment_reads_secrets_from_files(tmp_path: Path) -> None:
    """A mounted secret is read without the line break at its end."""
    (tmp_path / "secret").write_text("geheim\n")
    (tmp_path / "keys").write_text('["one", "two"]\n')
    source = read_environment(
        {
            "HOLDFAST_TOKEN__HMAC_SECRET_FILE": str(tmp_path / "secret"),
            "HOLDFAST_API__KEYS_FILE": str(tmp_path / "keys"),
        }
    )

    assert source.faults == []
    assert source.data == {"token": {"hmac_secret": "geheim"}, "api": {"keys": ["one", "two"]}}


def test_put_merges_groups_and_replaces_the_rest() -> None:
    """Groups merge key by key; lists and values are replaced."""
    data: dict[str, Any] = {"a": {"b": 1, "l": [1]}, "c": 2}
    put(data, ("a",), {"b": 5, "x": {"y": 1}})
    put(data, ("a", "l"), [2])
    put(data, ("c", "d"), 3)

    assert data == {"a": {"b": 5, "l": [2], "x": {"y": 1}}, "c": {"d": 3}}
