"""Make the virtual environment of the image: the locked packages by hash, the gateway from this checkout, compiled.

Runs in the build stage of the Dockerfile, on the standard library and pip: `install.py packages FOLDER`, then
`install.py gateway FOLDER`, so that the first is kept while the locked list is. What a build needs and a gateway does
not is left out, and all files get one time, so that two builds of one commit are alike.
Exit codes: 0 made, 4 a step failed, which says why.
"""

import compileall
import os
import py_compile
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent
SECRETS = Path("/run/secrets")
# Beside the locked wheels of an index, those that `make image` puts here for a build without one.
WHEELHOUSE = SOURCE / "docker" / "wheelhouse"
LOCKED = ("--require-hashes", "--only-binary=:all:")


def main(part: str, target: Path) -> int:
    """Fill the folder with the `packages`, or add the `gateway` to it."""
    with tempfile.TemporaryDirectory() as scratch:
        os.environ.update(pip_environment(Path(scratch)))
        try:
            PARTS[part](target, Path(scratch))
        except subprocess.CalledProcessError as error:
            print(f"install: this step failed with exit code {error.returncode}: {error.cmd}", file=sys.stderr)
            return 4
    leave_out(target)
    compile_all(target)
    set_times(target)
    return 0


def install_packages(target: Path, scratch: Path) -> None:
    """Make the environment with the locked packages."""
    make_venv(target)
    pip(target, *LOCKED, "--requirement", SOURCE / "requirements" / "runtime.txt")


def install_gateway(target: Path, scratch: Path) -> None:
    """Build the wheel of this checkout with the locked build back end, and add it."""
    tools = scratch / "tools"
    make_venv(tools)
    pip(tools, *LOCKED, "--requirement", SOURCE / "requirements" / "build.txt")
    run(tools / "bin" / "python3", "-m", "hatchling", "build", "--target", "wheel", "--directory", scratch)
    pip(target, "--no-deps", "--no-index", next(scratch.glob("holdfast-*.whl")))


def pip_environment(scratch: Path) -> dict[str, str]:
    """Return what pip is told by its environment: the secrets of this build, if there are any."""
    given = {"PIP_NO_CACHE_DIR": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}
    given |= {"HOME": str(scratch), "TMPDIR": str(scratch)}
    if (SECRETS / "pip.conf").is_file():
        given["PIP_CONFIG_FILE"] = str(SECRETS / "pip.conf")
    if (SECRETS / "ca.pem").is_file():
        given["PIP_CERT"] = str(SECRETS / "ca.pem")
    if WHEELHOUSE.is_dir():
        given["PIP_FIND_LINKS"] = str(WHEELHOUSE)
    return given


def make_venv(folder: Path) -> None:
    """Make an empty environment: the base's pip fills it, so that it needs none of its own."""
    run(sys.executable, "-m", "venv", "--without-pip", folder)


def pip(venv: Path, *arguments: str | Path) -> None:
    """Install something into an environment, without compiling it."""
    python = ("--python", venv / "bin" / "python3")
    run(sys.executable, "-m", "pip", *python, "install", "--quiet", "--no-input", "--no-compile", *arguments)


def run(*command: str | Path) -> None:
    """Run one step in the checkout."""
    subprocess.run([str(word) for word in command], cwd=SOURCE, check=True)


def leave_out(target: Path) -> None:
    """Remove what nobody runs: shells' activation, headers, type stubs, sources of extensions, tests of libraries."""
    for path in [*target.glob("bin/[Aa]ctivate*"), *target.glob("include"), *target.rglob("tests")]:
        if path.is_dir() and path.name == "tests" and "holdfast" in path.relative_to(target).parts:
            continue
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for pattern in ("*.pyi", "*.pyx", "*.pxd", "*.c", "*.h", "*.cpp"):
        for path in target.rglob(pattern):
            path.unlink()


def compile_all(target: Path) -> None:
    """Compile what is not yet: by hash, not by time; nobody looks at it, because nothing changes in an image."""
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(target, quiet=2, workers=0, invalidation_mode=unchecked)


def set_times(target: Path) -> None:
    """Give every file and folder one time; what has it already is not touched, and so not copied into a new layer."""
    for path in [*target.rglob("*"), target]:
        if path.lstat().st_mtime != 0:
            os.utime(path, (0, 0), follow_symlinks=False)


PARTS = {"packages": install_packages, "gateway": install_gateway}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
