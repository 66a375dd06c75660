"""Find, read and put together profiles; the one place of this package that touches files.

A profile that `extends` another one says only what differs: intents are laid over those of the other, entries over the
entry with the same id, and `remove` names ids that are not wanted.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from holdfast.profile.faults import Fault, ProfileError
from holdfast.profile.model import Profile
from holdfast.settings_sources import read_file

SHIPPED = Path(__file__).parent / "shipped"  # where the wheel has them
CHECKOUT = Path(__file__).parents[3] / "profiles"
_DEEPEST = 8
_OF_ENTRY = ("value", "formula")


def shipped_profiles() -> dict[str, Path]:
    """Return the profiles that come with Holdfast, by name."""
    folder = SHIPPED if SHIPPED.is_dir() else CHECKOUT
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load(name_or_path: str | Path) -> Profile:
    """Return a profile, put together and checked for types and ranges.

    Args:
        name_or_path: a shipped one's name, such as `production`, or a file.

    Raises:
        ProfileError: with every fault found, each with file and key.
    """
    data = _assembled(_find(str(name_or_path), None), ())
    return build(data, str(name_or_path))


def build(data: Mapping[str, Any], place: str) -> Profile:
    """Return the profile that these values are.

    Raises:
        ProfileError: they are none.
    """
    try:
        profile = Profile.model_validate(data)
    except ValidationError as error:
        raise ProfileError([_wrong(place, data, one) for one in error.errors(include_url=False)]) from None
    _refuse_twins([entry.id for entry in profile.entries], place)
    return profile


def _find(name: str, beside: Path | None) -> Path:
    known = shipped_profiles()
    if name in known:
        return known[name]
    with suppress(OSError, RuntimeError):  # a folder that may not be entered, a name too long, a home that nobody has
        path = Path(name).expanduser()
        if beside is not None and not path.is_absolute():
            path = beside / path
        if path.is_file():
            return path
    raise ProfileError(
        [
            Fault(
                "profile_not_found",
                f"expected a file or one of {', '.join(known) or 'no shipped profile'}, saw {name!r}, which is neither",
            )
        ]
    )


def _read(path: Path) -> dict[str, Any]:
    source = read_file(path)  # strict YAML: no key twice, no `yes` for true, no circles
    if source.faults:
        raise ProfileError([Fault("profile_unreadable", fault.text) for fault in source.faults])
    return source.data


def _assembled(path: Path, inside: tuple[Path, ...]) -> dict[str, Any]:
    """Return what a file says, laid over what it extends."""
    if path in inside or len(inside) > _DEEPEST:
        names = " -> ".join(one.name for one in (*inside, path))
        raise ProfileError([Fault("extends_itself", f"{path}: expected `extends` to come to an end, saw {names}")])
    data = _read(path)
    base_name = data.pop("extends", None)
    if base_name is None:
        return data
    if not isinstance(base_name, str):
        raise ProfileError([Fault("extends_no_name", f"{path}: extends: expected a name or a file, saw {base_name!r}")])
    return overlay(_assembled(_find(base_name, path.parent), (*inside, path)), data, str(path))


def overlay(base: Mapping[str, Any], over: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Return a profile's values with another's laid over them.

    Raises:
        ProfileError: entries that are no list of entries with an id, or `remove` of what is not there.
    """
    entries = {entry["id"]: dict(entry) for entry in _entries(base, place)}
    for entry in _entries(over, place):
        entries[entry["id"]] = _laid_over(entries.get(entry["id"], {}), entry)
    unwanted = over.get("remove") or []
    for one in unwanted if isinstance(unwanted, list) else [unwanted]:
        if not isinstance(one, str) or entries.pop(one, None) is None:
            raise ProfileError([Fault("remove_unknown", f"{place}: remove: expected ids of entries, saw {one!r}")])
    intents = base.get("intents") if over.get("intents") is None else _deep(base.get("intents"), over["intents"])
    top = {key: value for key, value in over.items() if key not in ("entries", "remove", "intents")}
    return {**base, **top, "intents": intents, "entries": list(entries.values())}


def _entries(data: Mapping[str, Any], place: str) -> list[dict[str, Any]]:
    entries = data.get("entries") or []
    if not isinstance(entries, list) or not all(
        isinstance(one, dict) and isinstance(one.get("id"), str) for one in entries
    ):
        raise ProfileError([Fault("entries_malformed", f"{place}: entries: expected a list in which each has an `id`")])
    _refuse_twins([one["id"] for one in entries], place)
    return cast(list[dict[str, Any]], entries)


def _refuse_twins(ids: list[str], place: str) -> None:
    if twice := sorted({one for one in ids if ids.count(one) > 1}):
        raise ProfileError(
            [Fault("entry_twice", f"{place}: entries: expected each id once, saw {', '.join(twice)} again")]
        )


def _laid_over(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay an entry over another; a value of its own takes the place of a calculated one, and the other way round."""
    kept = dict(base)
    if any(key in over for key in _OF_ENTRY):
        for key in _OF_ENTRY:
            kept.pop(key, None)
    if "value" in over and kept.get("mode") == "formula":
        kept["mode"] = kept.pop("resolves_to", None)
    if over.get("mode") == "report":
        for key in (*_OF_ENTRY, "resolves_to"):
            kept.pop(key, None)
    return kept | dict(over)


def _deep(base: object, over: object) -> object:
    """Lay values over others, group by group; null takes one away."""
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    merged = {key: _deep(base.get(key), value) for key, value in over.items() if value is not None}
    return {key: value for key, value in base.items() if key not in over} | merged


def _wrong(place: str, data: Mapping[str, Any], error: Any) -> Fault:
    loc = list(error["loc"])
    if len(loc) > 1 and loc[0] == "entries" and isinstance(loc[1], int):
        entry = data["entries"][loc[1]] if isinstance(data.get("entries"), list) else None
        loc[1] = entry.get("id", loc[1]) if isinstance(entry, dict) else loc[1]
    seen = error.get("input")
    shown = "nothing" if error["type"] == "missing" else f"{seen!r:.80}"
    path = ".".join(str(part) for part in loc)
    return Fault("profile_malformed", f"{place}: {path}: expected {_expected(error)}, saw {shown}", (path,))


def _expected(error: Any) -> str:
    if error["type"] == "missing":
        return "a value"
    if error["type"] == "extra_forbidden":
        return "no such key"
    text = str(error["msg"]).removeprefix("Value error, ").removeprefix("Input should be ").removeprefix("expected ")
    return text[:1].lower() + text[1:]
