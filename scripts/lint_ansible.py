"""Lint ansible/ with ansible-lint (profile production, nothing skipped) and yamllint.

Runs without the network: Ansible's home is a folder of this checkout.
Exit codes: 0 clean, 1 findings.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ANSIBLE = ROOT / "ansible"


def environment() -> dict[str, str]:
    """Return an environment in which Ansible's tools find each other and write only into .cache."""
    tools = Path(sys.executable).parent
    return os.environ | {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "ANSIBLE_CONFIG": str(ANSIBLE / "ansible.cfg"),
        "ANSIBLE_HOME": str(ROOT / ".cache" / "ansible"),
    }


def main() -> int:
    """Run both linters, even where the first finds something."""
    bin_folder = Path(sys.executable).parent
    # The whole tree: ansible-lint finds roles, playbooks and inventories by their places in it.
    commands = [[bin_folder / "yamllint", "--strict", "."], [bin_folder / "ansible-lint", "--project-dir", ".", "-q"]]
    codes = [subprocess.run(command, cwd=ANSIBLE, env=environment(), check=False).returncode for command in commands]
    return 1 if any(codes) else 0


if __name__ == "__main__":
    sys.exit(main())
