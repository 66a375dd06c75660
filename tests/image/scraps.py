"""Images made of this machine's own programs and the libraries they load: no registry, no shell, a second each.

They stand in for the bases that the Dockerfile and compose.yaml name, which a test may have no way to fetch.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pip

from tests.parts import system_program

# What packages and name look-ups load, and no list of a program here has: wheels are built for older C libraries too.
BY_NAME = (
    "libstdc++.so.6", "libgcc_s.so.1", "librt.so.1", "libpthread.so.0", "libdl.so.2", "libutil.so.1", "libm.so.6",
    "libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2",
)  # fmt: skip
# What an image with a `python_base` is called.
BASE = "holdfast-test-base:1"
PREFIX = Path("/usr/local")
LEFT_OUT = {"test", "idlelib", "tkinter", "turtledemo", "ensurepip", "site-packages", "dist-packages", "lib2to3"}


def python_base(target: Path) -> None:
    """Write a root file system with this Python and its pip, where the official images have theirs."""
    python = Path(os.path.realpath(sys.executable))
    library = Path(sysconfig.get_path("stdlib"))
    there = PREFIX / "lib" / library.name
    with tarfile.open(target, "w") as archive:
        _add_folders(archive)
        _add(archive, python, PREFIX / "bin" / python.name)
        _link(archive, PREFIX / "bin" / "python3", python.name)
        archive.add(library, _inside(there), filter=_wanted)
        # Beside the standard library it is found, whatever a distribution calls its own folder.
        archive.add(Path(pip.__file__).parent, _inside(there / "pip"))
        extensions = [one for one in (library / "lib-dynload").glob("*.so") if _is_wanted(one.name)]
        _add_libraries(archive, [python, *extensions])


def programs(target: Path, *names: str) -> None:
    """Write a root file system with some programs of this machine, as /usr/bin has them."""
    with tarfile.open(target, "w") as archive:
        _add_folders(archive)
        found = [Path(system_program(name)) for name in names]
        for name, path in zip(names, found, strict=True):
            _add(archive, Path(os.path.realpath(path)), Path("/usr/bin") / name)
        _add_libraries(archive, found)


def can_be_made() -> bool:
    """Tell whether libraries can be found here."""
    return shutil.which("ldd") is not None and shutil.which("ldconfig", path="/usr/sbin:/sbin") is not None


def _add_folders(archive: tarfile.TarFile) -> None:
    for name, mode in (("tmp", 0o1777), ("etc", 0o755), ("usr/bin", 0o755), ("run", 0o755), ("data", 0o777)):
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode = tarfile.DIRTYPE, mode
        archive.addfile(entry)


def _add_libraries(archive: tarfile.TarFile, objects: Iterable[Path]) -> None:
    for path in sorted({*_needed(objects), *_by_name()}):
        _add(archive, Path(os.path.realpath(path)), path)


def _needed(objects: Iterable[Path]) -> set[Path]:
    listed = subprocess.run(["ldd", *objects], capture_output=True, text=True, check=False, timeout=60).stdout
    return {Path(found) for found in re.findall(r"(?:=> |^\s+)(/\S+) \(0x", listed, re.MULTILINE)}


def _by_name() -> Iterator[Path]:
    listed = subprocess.run(
        ["ldconfig", "-p"], capture_output=True, text=True, check=False, timeout=60,
        env=os.environ | {"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"},
    ).stdout  # fmt: skip
    width = "x86-64" if sys.maxsize > 2**32 and os.uname().machine == "x86_64" else ""
    for name in BY_NAME:
        found = re.search(rf"^\s*{re.escape(name)} \([^)]*{width}[^)]*\) => (\S+)$", listed, re.MULTILINE)
        if found:
            yield Path(found[1])


def _wanted(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return entry if _is_wanted(Path(entry.name).name) else None


def _is_wanted(name: str) -> bool:
    return name not in LEFT_OUT and not name.startswith(("config-", "_tkinter")) and not name.endswith(".a")


def _add(archive: tarfile.TarFile, source: Path, target: Path) -> None:
    archive.add(source, _inside(target))


def _link(archive: tarfile.TarFile, name: Path, target: str) -> None:
    entry = tarfile.TarInfo(_inside(name))
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    archive.addfile(entry)


def _inside(path: Path) -> str:
    return str(path).lstrip("/")
