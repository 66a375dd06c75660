"""Resolve the dependency lists into locked lists with hashes.

Reads pyproject.toml and requirements/*.in, writes requirements/*.txt. Package
index addresses stay out of the files: the machine's own pip settings decide.
Pass `--upgrade` to move everything to the newest versions that fit.
Exit codes: 0 done, 4 could not resolve.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNTIME = "requirements/runtime.txt"
# output: what goes in
LISTS = {
    RUNTIME: ["pyproject.toml"],
    # Constrained by the runtime list: tests see the very versions that are deployed.
    "requirements/dev.txt": ["pyproject.toml", "requirements/dev.in", "-c", RUNTIME],
    # Constrained by the development list: `make infra` adds to .venv and moves nothing in it.
    "requirements/infra.txt": [
        "pyproject.toml",
        "--extra",
        "infra",
        "requirements/infra.in",
        "-c",
        "requirements/dev.txt",
    ],
    "requirements/build.txt": ["requirements/build.in", "-c", "requirements/dev.txt"],
    "requirements/lock.txt": ["requirements/lock.in"],
    # The other servers of the benchmark; nothing of the gateway's is in there.
    "requirements/bench-build.txt": ["requirements/bench-build.in"],
    "requirements/bench.txt": ["requirements/bench.in", "-c", "requirements/bench-build.txt"],
}
OPTIONS = [
    "--generate-hashes", "--universal", "--python-version", "3.11", "--quiet",
    "--no-emit-index-url", "--custom-compile-command", "make lock",
]  # fmt: skip


def main(arguments: list[str]) -> int:
    """Install the resolver by hash, then compile each list."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes"]
    steps = [[*pip, "-r", "requirements/lock.txt"]]
    uv = str(Path(sys.executable).parent / "uv")
    for output, inputs in LISTS.items():
        steps.append([uv, "pip", "compile", *OPTIONS, *arguments, *inputs, "-o", output])
    for step in steps:
        environment = os.environ | {"UV_CACHE_DIR": str(ROOT / ".cache" / "uv")}
        if subprocess.run(step, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=False).returncode:
            print(f"lock: this step failed: {' '.join(step)}", file=sys.stderr)
            return 4
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
