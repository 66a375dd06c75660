"""Pack the browser client for npm: its modules as they are served, and the types that the compiler reads from them.

    python scripts/client_package.py [FOLDER]        # dist/ by default

The work is done in build/client; nothing is written beside the modules. Exits 4 when Node, its packages or the
compiler do not do their part.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CLIENT = ROOT / "app" / "holdfast" / "web" / "client"
TOOLS = ROOT / "tests" / "client"
# So that `document.querySelector('holdfast-status')` has its type; JSDoc cannot declare that.
ELEMENT_TYPE = "declare global { interface HTMLElementTagNameMap { 'holdfast-status': HoldfastStatus } }\n"
COMPILER = TOOLS / "node_modules" / "typescript" / "bin" / "tsc"


def stage(folder: Path) -> None:
    """Lay out in `folder` what the package has."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(CLIENT, folder)
    shutil.copy(ROOT / "LICENSE", folder)
    only_types = {"noEmit": False, "declaration": True, "emitDeclarationOnly": True, "rootDir": ".", "outDir": "types"}
    project = {"extends": str(TOOLS / "tsconfig.json"), "compilerOptions": only_types, "include": ["**/*.js"]}
    (folder / "tsconfig.json").write_text(json.dumps(project))
    subprocess.run(["node", str(COMPILER), "--project", str(folder)], check=True)
    with (folder / "types" / "status" / "element.d.ts").open("a") as types:
        types.write(ELEMENT_TYPE)


def pack(folder: Path, target: Path) -> Path:
    """Make the archive and return its path."""
    target.mkdir(parents=True, exist_ok=True)
    command = ["npm", "pack", "--silent", "--pack-destination", str(target)]
    # Without a home of ours npm would write its logs and look for updates.
    environment = os.environ | {"npm_config_update_notifier": "false"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return target / done.stdout.strip().splitlines()[-1]


def main(arguments: list[str]) -> int:
    """Pack, and print where the archive is."""
    target = Path(arguments[0]) if arguments else ROOT / "dist"
    work = target / "client" if arguments else ROOT / "build" / "client"
    try:
        stage(work)
        print(pack(work, target.resolve()))
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"The client could not be packed: {error}. `make node` installs what this needs.", file=sys.stderr)
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
