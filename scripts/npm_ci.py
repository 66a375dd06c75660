"""Install the locked npm packages of the folders named as arguments.

A folder without package-lock.json is passed over; one whose packages are
current is left alone. Where npm is missing, it is installed if that needs no
asking: as root on Debian or Ubuntu, unless INSTALL_PARTS=no. Elsewhere this says
so and exits 0: the tests that need it then skip and name the part.
Exit codes: 0 done or npm missing, 4 `npm ci` failed.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

import system_packages

ROOT = Path(__file__).resolve().parent.parent
STAMP = Path("node_modules") / ".holdfast-stamp"


def ensure_npm() -> bool:
    """Return whether npm is there, after having tried to install it where that is allowed."""
    return not system_packages.ensure(["npm"])


def is_current(folder: Path, wanted: str) -> bool:
    """Tell whether the folder's packages are those of its lock file."""
    stamp = folder / STAMP
    return stamp.is_file() and stamp.read_text() == wanted


def install(folder: Path) -> bool:
    """Run `npm ci` in one folder unless its packages are current; tell whether they are now."""
    lock = folder / "package-lock.json"
    if not lock.is_file():
        return True
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if is_current(folder, wanted):
        return True
    print(f"Installing npm packages of {folder.relative_to(ROOT)} ...", flush=True)
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--no-update-notifier"]
    if subprocess.run(command, cwd=folder, check=False).returncode:
        return False
    stamp = folder / STAMP
    stamp.parent.mkdir(exist_ok=True)
    stamp.write_text(wanted)
    return True


def main(folders: list[str]) -> int:
    """Install each folder in turn and name the first that failed."""
    if not ensure_npm():
        print("npm is missing: tests that need npm packages will be skipped.", file=sys.stderr)
        return 0
    for name in folders:
        if not install(ROOT / name):
            print(f"npm ci failed in {name}: see its messages above.", file=sys.stderr)
            return 4
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
