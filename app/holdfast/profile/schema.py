"""The JSON schema of profile files, for editors and pipelines; profiles/profile.schema.json is made from it."""

from __future__ import annotations

import json
from typing import Any

from holdfast.profile.model import Profile


def profile_schema() -> dict[str, Any]:
    """Return the schema of a file: all of a profile, or what differs from the one that it extends."""
    whole = Profile.model_json_schema(mode="validation", ref_template="#/$defs/{model}")
    definitions = whole.pop("$defs")
    entry, intents = definitions["Entry"], definitions["Intents"]
    definitions["EntryChange"] = entry | {"title": "EntryChange", "required": ["id"]}
    definitions["IntentsChange"] = _open(intents, "IntentsChange", definitions)
    change = {
        "type": "object",
        "additionalProperties": False,
        "required": ["extends", "name"],
        "properties": {
            "extends": {"type": "string", "description": "Name or file of the profile that this one changes."},
            "remove": {"type": "array", "items": {"type": "string"}, "description": "Ids of entries left out."},
            "name": whole["properties"]["name"],
            "description": whole["properties"]["description"],
            "intents": {"$ref": "#/$defs/IntentsChange"},
            "entries": {"type": "array", "items": {"$ref": "#/$defs/EntryChange"}},
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Holdfast profile",
        "oneOf": [whole, change],
        "$defs": definitions,
    }


def _open(intents: dict[str, Any], title: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the intents with nothing required, in their groups neither; null takes one away."""
    properties = dict(intents["properties"])
    for name in ("measured", "reference"):
        group = properties[name]["$ref"].rpartition("/")[2]
        definitions[f"{group}Change"] = definitions[group] | {"title": f"{group}Change", "required": []}
        properties[name] = {"$ref": f"#/$defs/{group}Change"}
    limits = properties["idle_limits"]
    properties["idle_limits"] = limits | {"minProperties": 0, "additionalProperties": _or_null(limits)}
    properties = {name: _or_null({"additionalProperties": one}) for name, one in properties.items()}
    return intents | {"title": title, "required": [], "properties": properties}


def _or_null(holder: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [holder["additionalProperties"], {"type": "null"}]}


def schema_text() -> str:
    """Return the schema as the file has it."""
    return json.dumps(profile_schema(), indent=2, ensure_ascii=False) + "\n"
