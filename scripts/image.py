"""Build the gateway's image, as `make image`: with Docker, Podman or Buildah, whichever is there.

pip's own settings on this machine (PIP_INDEX_URL, PIP_FIND_LINKS, PIP_CERT, pip.conf) count for the build too, and
none of them stays in the image. Exit codes: 0 built, 3 a setting cannot be used, 4 it could not be built.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from containers import pip_settings
from containers.builders import NAMES, Builder, find
from containers.problem import ContainerError

from holdfast import __version__
from holdfast.cli.failure import Exit

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = ROOT / "docker" / "Dockerfile"
WHEELHOUSE = ROOT / "docker" / "wheelhouse"
DEFAULT_TAG = f"holdfast:{__version__}"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
MIB = 1 << 20
NEXT = """
{tag} is built in {seconds:.0f} s: {size:.0f} MiB compressed.

Run it with Redis and HAProxy on this machine:
  make up IMAGE={tag}
Run it alone, as a cluster would:
  {runner} run --rm --read-only --cap-drop ALL --publish 127.0.0.1:8000:8000 {tag}
Give it to others:
  {share}
"""


def main(arguments: Sequence[str]) -> int:
    """Build it and say what there is now."""
    options = _options(arguments)
    try:
        builder = find(options.builder)
        started = time.monotonic()
        build(builder, options.tag, options.base, shlex.split(options.options))
        seconds = time.monotonic() - started
        size = builder.compressed_bytes(options.tag) / MIB
    except ContainerError as error:
        print(f"image: {error}", file=sys.stderr)
        return Exit.USAGE if str(error).startswith("BUILDER") else Exit.UNKNOWN
    runner = "podman" if builder.name == "buildah" else builder.name
    print(NEXT.format(tag=options.tag, seconds=seconds, size=size, runner=runner, share=share(runner, options.tag)))
    return Exit.FINE


def share(runner: str, tag: str) -> str:
    """Return the line that brings an image to a registry: that of its name, if there is one with a dot or a port."""
    registry, slash, _ = tag.partition("/")
    if slash and any(sign in registry for sign in ".:"):
        return f"{runner} push {tag}"
    return f"{runner} tag {tag} REGISTRY/{tag} && {runner} push REGISTRY/{tag}"


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tag", default=DEFAULT_TAG, help="the image's name")
    parser.add_argument("--builder", default="", help=f"{', '.join(NAMES)}; the first that works without")
    parser.add_argument("--base", default="", help="another base than the Dockerfile's, by digest if it is to stay")
    parser.add_argument("--options", default="", help="further options of the builder, such as --network=host")
    return parser.parse_args(arguments)


def build(builder: Builder, tag: str, base: str = "", options: Sequence[str] = ()) -> None:
    """Build the image.

    Raises:
        ContainerError: it could not be built.
    """
    settings = pip_settings.read()
    count = pip_settings.fill(WHEELHOUSE, settings.wheel_folders)
    wheels = f", {count} wheels of this machine" if count else ""
    print(f"Building {tag} with {builder.program}{wheels} ...", flush=True)
    words = builder.build_words(DOCKERFILE, tag, build_arguments(base))
    with tempfile.TemporaryDirectory() as folder:
        words += _secrets(settings, Path(folder))
        done = subprocess.run([*words, *options, str(ROOT)], env=builder.environment(), check=False)
    if done.returncode:
        raise ContainerError(f"{builder.name} could not build it; what it says stands above.")


def build_arguments(base: str) -> dict[str, str]:
    """Return the arguments of the build: what the labels say, and the base where another one is wanted."""
    moment = int(os.environ.get("SOURCE_DATE_EPOCH") or _git("log", "-1", "--format=%ct") or 0)
    changed = "-changed" if _git("status", "--porcelain") else ""
    given = {
        "VERSION": __version__,
        "REVISION": f"{_git('rev-parse', 'HEAD') or 'unknown'}{changed}",
        "CREATED": datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "SOURCE_DATE_EPOCH": str(moment),
    }
    given |= {name: os.environ[name] for name in PROXIES if os.environ.get(name)}
    return given | ({"BASE_IMAGE": base} if base else {})


def _secrets(settings: pip_settings.PipSettings, folder: Path) -> list[str]:
    words = []
    if settings.config:
        (folder / "pip.conf").write_text(settings.config)
        words += ["--secret", f"id=pip.conf,src={folder / 'pip.conf'}"]
    if settings.certificates is not None:
        words += ["--secret", f"id=ca.pem,src={settings.certificates}"]
    return words


def _git(*words: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
