"""Load the settings: explicit overrides over `HOLDFAST_*` variables over the file over a preset over the defaults.

All faults of all sources, and all combinations that cannot work, are reported together.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from pydantic import SecretStr, ValidationError

from holdfast.errors import ConfigError
from holdfast.settings import Settings
from holdfast.settings_checks import check_combinations
from holdfast.settings_faults import Fault, Loc, Origin, drop, from_pydantic
from holdfast.settings_presets import lay_under
from holdfast.settings_sources import CONFIG_VARIABLE, DEFAULT_FILE, Source, put, read_environment, read_file


def load_settings(
    config_path: Path | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
) -> Settings:
    """Return the settings of this instance, frozen.

    Args:
        config_path: the YAML file; without it `HOLDFAST_CONFIG` names it, else `holdfast.yaml` is read if it exists.
        environ: the environment, usually `os.environ`.
        overrides: values by dotted key (`client.ping_interval`) or nested, which win over all; None is not given.

    Raises:
        ConfigError: with every fault found; no secret is in it.
    """
    environ = environ or {}
    file, variables = _file_source(config_path, environ), read_environment(environ)
    given = {tuple(key.split(".")): _plain(value) for key, value in (overrides or {}).items() if value is not None}
    data = copy.deepcopy(file.data)
    for key, value in variables.data.items():
        put(data, (key,), value)
    for path, value in given.items():
        put(data, path, value)
    lay_under(data)
    settings, wrong = _validate(data, lambda loc: _origin(loc, given, variables, file))
    faults = [*file.faults, *variables.faults, *wrong]
    named = {key for fault in faults for key in fault.keys}
    faults.extend(fault for fault in check_combinations(settings) if not _concerns(fault, named))
    if faults:
        raise ConfigError([fault.text for fault in faults])
    return settings


def _file_source(config_path: Path | None, environ: Mapping[str, str]) -> Source:
    named = config_path or environ.get(CONFIG_VARIABLE)
    if named:
        path = Path(named)
        with suppress(RuntimeError):  # a home that nobody has; then that file is not there
            path = path.expanduser()
        return read_file(path)
    return read_file(DEFAULT_FILE) if DEFAULT_FILE.exists() else Source()


def _plain(value: object) -> object:
    """Turn what callers have at hand into what the file could have held."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _validate(data: dict[str, Any], origin: Origin) -> tuple[Settings, list[Fault]]:
    """Check types and ranges; what is wrong is reported and left out, so that the rest becomes settings."""
    faults: list[Fault] = []
    while True:
        try:
            # As JSON, because strict validation takes lists and paths from there and nothing it would have to guess.
            return Settings.model_validate_json(json.dumps(data), strict=True), faults
        except ValidationError as error:
            errors = error.errors(include_url=False)
            # Leaving out one thing may make another look wrong; that is no fault of the user's.
            faults = faults or [from_pydantic(one, origin) for one in errors]
            drop(data, [one["loc"] for one in errors])


def _origin(loc: Loc, given: Mapping[tuple[str, ...], object], variables: Source, file: Source) -> str:
    if any(_overlap(loc, path) for path in given):
        return "argument"
    matches = [path for path in variables.places if _overlap(loc, path)]
    if matches:
        return variables.places[max(matches, key=len)]
    node: Any = file.data
    for step in loc:
        if isinstance(node, dict) and step not in node:
            return ""
        node = cast(Any, node)[step] if isinstance(node, dict | list) else node
    return file.places.get((), "")


def _overlap(loc: Loc, path: tuple[str, ...]) -> bool:
    return all(one == other for one, other in zip(loc, path, strict=False))


def _concerns(fault: Fault, named: set[str]) -> bool:
    return any(_within(key, other) or _within(other, key) for key in fault.keys for other in named)


def _within(key: str, other: str) -> bool:
    return key == other or key.startswith((f"{other}.", f"{other}["))
