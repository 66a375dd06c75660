"""`holdfast diagnose bundle`: one file with all that a support ticket needs, and no secret."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast import __version__
from holdfast.cli import diagnose_all
from holdfast.cli.diagnoses import table
from holdfast.cli.failure import CliError, Exit
from holdfast.cli.output import JsonFlag, note, result, result_json
from holdfast.cli.place import AdminTokenOption, ConfigOption, UrlOption

if TYPE_CHECKING:
    from holdfast.diagnostics.bundle import Bundle
    from holdfast.settings import Settings

# What a running gateway is asked: path by file, and of what it remembers the latest.
PLAIN_PATHS = {
    "health/livez.txt": "/livez",
    "health/readyz.txt": "/readyz",
    "health/startupz.txt": "/startupz",
    "metrics.txt": "/metrics",
}
LATEST = {"limit": "1000"}
ADMIN_PATHS: dict[str, tuple[str, dict[str, str]]] = {
    "admin/resources.json": ("/admin/resources", {}),
    "admin/nodes.json": ("/admin/nodes", {}),
    "admin/attempts.json": ("/admin/attempts", LATEST),
    "admin/connections.json": ("/admin/connections", LATEST),
}
LOG_TAIL_BYTES = 2 * 1024 * 1024


def diagnose_bundle(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write; else holdfast-bundle-TIME.tar.gz here.")
    ] = None,
    url: UrlOption = "",
    admin_token: AdminTokenOption = "",
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Collect versions, settings, diagnoses, metrics, health, what failed lately, the log's end and kernel values.

    Secrets and tokens are taken out; user ids and addresses are not. What cannot be had is named in the manifest.
    The file is readable by its owner alone. Exits 0 when it was written, 3 when it could not be.
    """
    from holdfast.diagnostics.bundle import MANIFEST

    now = time.time()
    name = f"holdfast-bundle-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now))}"
    path = output or Path(f"{name}.tar.gz")
    if path.exists():
        raise CliError(f"--output: {path} is there already; name another file", Exit.USAGE)
    bundle = collect(config, url, admin_token, now)
    try:
        size = bundle.write(path, name, now)
    except OSError as error:
        raise CliError(f"cannot write {path}: {error.strerror}; name another file with --output", Exit.USAGE) from None
    for part, reason in bundle.missing.items():
        note(f"without {part}: {reason}")
    if as_json:
        result_json({"file": str(path), "bytes": size, **bundle.manifest()})
    else:
        result(f"{path} ({size:,} bytes); {MANIFEST} in it lists what it has. It names users and addresses.")


def collect(config: Path | None, url: str, admin_token: str, now: float) -> Bundle:
    """Return the bundle, filled."""
    from holdfast.cli.place import settings, source_of
    from holdfast.diagnostics import bundle_system
    from holdfast.diagnostics.bundle import Bundle
    from holdfast.errors import ConfigError

    faults: list[str] = []
    loaded: Settings | None = None
    try:
        loaded = settings(config)
    except ConfigError as error:
        faults = error.faults
    bundle = Bundle(_secrets(loaded, admin_token), _about(now, url, source_of(config, os.environ)))
    bundle.add_json("versions.json", bundle_system.versions())
    bundle.add_json("system/kernel.json", bundle_system.kernel())
    bundle.add_text("system/counters.txt", bundle_system.counters())
    _add_codes(bundle)
    if loaded is None:
        bundle.add_text("settings_faults.txt", "\n".join(faults))
        for part in ("settings.json", "diagnoses.txt", "log.txt"):
            bundle.miss(part, "the settings cannot be used; settings_faults.txt says why")
    else:
        _add_settings(bundle, loaded)
        _add_diagnoses(bundle, config, url, admin_token)
        _add_log(bundle, loaded)
    if loaded is None and not url:
        # Other settings that lie about here may lead to another gateway.
        _miss_gateway(bundle, "the settings cannot be used; --url names a gateway to ask")
    else:
        _add_gateway(bundle, config if loaded is not None else None, url, admin_token)
    return bundle


def add_log(bundle: Bundle, file: Path, part: str = "log.txt") -> None:
    """Add the end of a log, or why it cannot be had."""
    try:
        with file.open("rb") as opened:
            if opened.seek(max(0, file.stat().st_size - LOG_TAIL_BYTES)):
                opened.readline()  # half a line may have half a secret, which nobody would know
            bundle.add_text(part, opened.read().decode("utf-8", "replace"))
    except OSError as error:
        bundle.miss(part, f"{file}: {error.strerror}")


def _about(now: float, url: str, source: str) -> dict[str, str]:
    return {
        "created_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
        "holdfast": __version__,
        "settings_from": source,
        "gateway": url or "where the settings say",
    }


def _secrets(loaded: Settings | None, admin_token: str) -> Iterable[str]:
    from holdfast.settings_docs import settings_secrets

    return {*(settings_secrets(loaded) if loaded is not None else ()), admin_token}


def _add_codes(bundle: Bundle) -> None:
    from dataclasses import asdict

    from holdfast.codes import ALL

    bundle.add_json("codes.json", [asdict(code) for code in ALL])


def _add_settings(bundle: Bundle, loaded: Settings) -> None:
    from holdfast.settings_docs import settings_show

    bundle.add_json("settings.json", settings_show(loaded))


def _add_diagnoses(bundle: Bundle, config: Path | None, url: str, admin_token: str) -> None:
    found = [diagnose_all.run(name, config, url, admin_token) for name in diagnose_all.SERVICES]
    for one in found:
        bundle.add_json(f"diagnoses/{one.service}.json", one.as_json())
    bundle.add_text("diagnoses.txt", "\n\n".join(map(table, found)))


def _add_log(bundle: Bundle, loaded: Settings) -> None:
    file = loaded.log.file
    if file is None:
        bundle.miss("log.txt", "no log file is configured (log.file); take it from where standard error goes")
        return
    add_log(bundle, file)


def _add_gateway(bundle: Bundle, config: Path | None, url: str, admin_token: str) -> None:
    """Add what a running gateway says; where nothing answers, every part is missing for the same reason."""
    from holdfast.cli.admin_client import ask
    from holdfast.cli.api_client import get
    from holdfast.cli.place import admin_place
    from holdfast.errors import ConfigError

    try:
        place = admin_place(config, url, admin_token)
        get(f"{place.internal}/livez")
    except (CliError, ConfigError) as error:
        _miss_gateway(bundle, _first_line(error))
        return
    for part, path in PLAIN_PATHS.items():
        with _missing(bundle, part):
            answer = get(f"{place.internal}{path}")
            bundle.add_text(part, answer.text if answer.status_code == 200 else f"{answer.status_code}\n{answer.text}")
    for part, (path, query) in ADMIN_PATHS.items():
        with _missing(bundle, part):
            bundle.add_json(part, ask(place, path, query))


def _miss_gateway(bundle: Bundle, reason: str) -> None:
    for part in (*PLAIN_PATHS, *ADMIN_PATHS):
        bundle.miss(part, reason)


@contextmanager
def _missing(bundle: Bundle, part: str) -> Iterator[None]:
    """Take a part as missing where it cannot be had."""
    try:
        yield
    except CliError as error:
        bundle.miss(part, _first_line(error))


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
