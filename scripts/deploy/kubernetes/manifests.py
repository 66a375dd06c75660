"""Reads manifests: what a release is made of, without its secrets, and how two of them differ. Pure."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

Object = dict[str, Any]
Key = tuple[str, str]
MOST_LINES = 14
# Every upgrade changes these, and they say nothing.
NOISE = ("helm.sh/chart", "checksum/")


def objects(manifest: str) -> dict[Key, Object]:
    """Return the objects of a manifest by kind and name, secrets masked."""
    found = (one for one in yaml.safe_load_all(manifest) if isinstance(one, dict) and one.get("kind"))
    return {(one["kind"], one.get("metadata", {}).get("name", "")): masked(one) for one in found}


def masked(one: Object) -> Object:
    """Return an object whose secret values are short digests: whether they change is seen, what they are is not."""
    if one.get("kind") != "Secret":
        return one
    hidden = {
        part: {name: _digest(value) for name, value in (one.get(part) or {}).items()} for part in ("data", "stringData")
    }
    return {**one, **{part: found for part, found in hidden.items() if found}}


def find(found: Mapping[Key, Object], kind: str, component: str = "gateway") -> Object:
    """Return the object of a kind that belongs to the gateways, {} where there is none."""
    mine = [one for (its_kind, _), one in found.items() if its_kind == kind and _component(one) == component]
    return mine[0] if mine else {}


def _component(one: Object) -> str:
    return str(one.get("metadata", {}).get("labels", {}).get("app.kubernetes.io/component", ""))


def summary(before: Mapping[Key, Object], after: Mapping[Key, Object]) -> list[str]:
    """Return the lines that say which objects are new, gone or changed, and which values change."""
    lines = []
    for key in sorted({*before, *after}):
        title = f"{key[0]} {key[1]}"
        if key not in before:
            lines.append(f"new      {title}")
        elif key not in after:
            lines.append(f"removed  {title}")
        elif changes := [one for one in paths(before[key], after[key]) if not any(part in one for part in NOISE)]:
            lines.append(f"changed  {title}")
            rest = len(changes) - MOST_LINES
            lines += [f"           {one}" for one in changes[:MOST_LINES]]
            lines += [f"           ... and {rest} more, see the diff"] if rest > 0 else []
    return lines or ["nothing changes"]


def paths(before: Any, after: Any, at: str = "") -> Iterator[str]:
    """Yield `path: from -> to` for each value that differs."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from paths(before.get(key), after.get(key), f"{at}.{key}" if at else str(key))
    elif isinstance(before, list) and isinstance(after, list) and _names(before) and _names(after):
        # What has names is compared by them: one more variable does not shift all others.
        old, new = _names(before), _names(after)
        for name in [*old, *(name for name in new if name not in old)]:
            yield from paths(old.get(name), new.get(name), f"{at}[{name}]")
    elif isinstance(before, str) and isinstance(after, str) and ("\n" in before or "\n" in after):
        yield from _text(before, after, at)
    elif before != after:
        yield f"{at}: {_shown(before)} -> {_shown(after)}"


def whole_diff(before: Mapping[Key, Object], after: Mapping[Key, Object]) -> str:
    """Return the unified diff of all objects, secrets masked."""
    lines: list[str] = []
    for key in sorted({*before, *after}):
        texts = [yaml.safe_dump(side[key]).splitlines() if key in side else [] for side in (before, after)]
        lines += difflib.unified_diff(*texts, f"{key[0]}/{key[1]} now", f"{key[0]}/{key[1]} planned", lineterm="", n=2)
    return "\n".join(lines) + ("\n" if lines else "")


def _text(before: str, after: str, at: str) -> Iterator[str]:
    """Compare files in a ConfigMap by their keys, where they are YAML."""
    try:
        old, new = yaml.safe_load(before), yaml.safe_load(after)
    except yaml.YAMLError:
        old = new = None
    if isinstance(old, dict) and isinstance(new, dict):
        yield from paths(old, new, at)
    elif before != after:
        yield f"{at}: another text"


def _names(items: list[Any]) -> dict[str, Any]:
    """Return a list's items by name, {} where they have none or one twice."""
    found = {one["name"]: one for one in items if isinstance(one, dict) and "name" in one}
    return found if len(found) == len(items) else {}


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    text = " ".join(str(value).split())
    return text if len(text) <= 100 else f"{text[:97]}..."


def _digest(value: object) -> str:
    return f"(secret {hashlib.sha256(str(value).encode()).hexdigest()[:8]})"
