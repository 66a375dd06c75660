"""The instances file."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.ops.inventory import read_inventory

GOOD = """
audit_log: logs/audit.jsonl
instances:
  - {name: a, url: "http://127.0.0.1:1", pid_file: run/a.pid, start: [holdfast, serve]}
  - {name: b, url: "http://127.0.0.1:2", config: /etc/b.yaml}
"""


def test_paths_begin_at_the_folder(tmp_path: Path) -> None:
    """Wherever the script is run."""
    file = tmp_path / "instances.yaml"
    file.write_text(GOOD)
    found = read_inventory(file)

    assert found.audit_log == str(tmp_path / "logs" / "audit.jsonl")
    assert [one.pid_file for one in found.instances] == [str(tmp_path / "run" / "a.pid"), ""]
    assert found.instances[1].config == "/etc/b.yaml"
    assert found.instances[0].start == ["holdfast", "serve"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "object"),
        ("[", "expected"),
        ("instances: []", "at least one"),
        ("instances: [{name: a}]", "url"),
        ("instances: [{name: a, url: x, color: red}]", "a: unknown 'color'"),
        ("color: red\ninstances: [{name: a, url: x}]", "unknown 'color'"),
        ("instances: [{name: a, url: x}, {name: a, url: y}]", "two instances have the name 'a'"),
        ("instances: [{name: a, url: x}, {name: b, url: x/}]", "two instances have the url 'x'"),
        ("instances: [{name: '', url: x}]", "a name for each"),
        ("instances: [{name: a, url: x, stop: [true]}]", "str"),
        ("instances: [{name: a, url: x, stop: [stop]}]", "`stop` without `start`"),
        ("instances: [{name: a, url: x, unit: u.service}]", "`unit` without `ssh`"),
        ("instances: [{name: a, url: x, tunnel: true}]", "`tunnel` without `ssh`"),
        ("instances: [{name: a, url: x, ssh: -oProxyCommand=reboot, unit: u.service}]", "expected a host"),
        ("instances: [{name: a, url: x, ssh: 'gw1; reboot', unit: u.service}]", "expected a host"),
        ("instances: [{name: a, url: x, ssh: gw1}]", "expected a unit"),
        ("instances: [{name: a, url: x, ssh: gw1, unit: --now}]", "expected a unit"),
        ("instances: [{name: a, url: x, ssh: gw1, unit: u.service, pid_file: p}]", "`pid_file` with `ssh`"),
        ("instances: [{name: a, url: x, ssh: gw1, unit: u.service, keys_file: k}]", "from the root of that machine"),
        ("instances: [{name: a, url: 'http://gw1', ssh: gw1, unit: u.service, tunnel: true}]", "such as http"),
        ("instances: [{name: a, url: 'http://gw1:x', ssh: gw1, unit: u.service, tunnel: true}]", "such as http"),
        ("!!python/object/apply:os.system ['true']", "python"),
        ("admin_token_file: ~nobody-of-that-name/x\ninstances: [{name: a, url: x}]", "home directory"),
    ],
)
def test_bad_file_is_refused(tmp_path: Path, text: str, what: str) -> None:
    """With what was expected, as bad usage."""
    file = tmp_path / "instances.yaml"
    file.write_text(text)
    with pytest.raises(CliError, match="--instances") as raised:
        read_inventory(file)

    assert raised.value.code == Exit.USAGE
    assert what in str(raised.value)


def test_missing_file(tmp_path: Path) -> None:
    """Is said."""
    with pytest.raises(CliError, match="cannot be read"):
        read_inventory(tmp_path / "none.yaml")


def test_instances_of_other_machines(tmp_path: Path) -> None:
    """Two may have the same address on their own loopbacks; their files are those of their machines."""
    file = tmp_path / "instances.yaml"
    file.write_text(
        """
ssh_config: ssh_config
instances:
  - {name: a, url: "http://127.0.0.1:9000", ssh: gw1, unit: holdfast@1a.service, tunnel: true, log: /var/log/a.log}
  - {name: b, url: "http://127.0.0.1:9000", ssh: deploy@gw2, unit: holdfast@1a.service, tunnel: true, config: b.yaml}
"""
    )
    found = read_inventory(file)

    assert found.ssh_config == str(tmp_path / "ssh_config")
    assert found.instances[0].log == "/var/log/a.log"
    assert found.instances[1].config == str(tmp_path / "b.yaml")
