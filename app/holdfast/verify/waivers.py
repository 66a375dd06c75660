"""Drift that somebody has decided to put up with: which control, on which hosts, why, until when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path

import yaml
from pydantic import Field, ValidationError

from holdfast.errors import ConfigError
from holdfast.settings_types import Group

_EXAMPLE = "{control: hf-dead-004, hosts: 'gw*', reason: why it may stay so, expires: 2027-01-31}"


class WaiverError(ConfigError):
    """A file of waivers that cannot be used."""

    heading = "These waivers cannot be used"


class Waiver(Group):
    """One waiver."""

    control: str = Field(min_length=1)
    hosts: str = Field("*", min_length=1)
    reason: str = Field(min_length=10)
    expires: date


class _File(Group):
    waivers: list[Waiver]


def load_waivers(path: str, known: Sequence[str]) -> list[Waiver]:
    """Read a file of waivers for controls with these ids.

    Raises:
        WaiverError: it cannot be read, a waiver lacks its reason or its day, or is for no control that there is.
    """
    try:
        found = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        waivers = _File.model_validate(found or {"waivers": []}).waivers
    except OSError as error:
        raise WaiverError([f"{path}: {error.strerror or error}"]) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise WaiverError([f"{path}: expected YAML with a list `waivers`: {' '.join(str(error).split())}"]) from None
    except ValidationError as error:
        raise WaiverError([_fault(path, each["loc"], each["msg"]) for each in error.errors()]) from None
    if strange := [one.control for one in waivers if one.control not in known]:
        raise WaiverError([_unknown(path, name, known) for name in strange])
    return waivers


def _fault(path: str, where: tuple[int | str, ...], said: str) -> str:
    place = ".".join(str(part + 1) if isinstance(part, int) else part for part in where)
    return f"{path}: {place}: {said}; a waiver is {_EXAMPLE}, and its reason a sentence"


def _unknown(path: str, name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=2, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "`holdfast profile show` lists them"
    return f"{path}: expected the id of a control, saw {name!r}; {hint}"


def waiver_for(control: str, host: str, waivers: Sequence[Waiver]) -> Waiver | None:
    """Return the waiver of a control on a host: the one that lasts longest, also one that has ended."""
    fitting = [one for one in waivers if one.control == control and fnmatchcase(host, one.hosts)]
    return max(fitting, key=lambda one: one.expires, default=None)
