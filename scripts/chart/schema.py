"""The chart's values.schema.json: types from the defaults, descriptions from the comments, `config` from the settings.

Draft 7, which Helm 3 knows too. Unknown keys are refused wherever they are ours; what Kubernetes defines is left to it.
"""

from __future__ import annotations

import json
from typing import Any, Final

import annotated_types
from pydantic import BaseModel

from chart.values import Value, read_values
from holdfast.settings import Settings
from holdfast.settings_schema import Shape, shape_of

_TEXTS: Final = {"type": "array", "items": {"type": "string"}}
_OBJECTS: Final = {"type": "array", "items": {"type": "object"}}
_PORT: Final = {"type": "integer", "minimum": 1, "maximum": 65535}
_COUNT: Final = {"type": "integer", "minimum": 1}
_SWITCH: Final = {"enum": ["auto", True, False]}
_QUANTITY: Final = {"type": ["string", "number"], "pattern": r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$"}
_MAP: Final = {"type": "object", "additionalProperties": {"type": "string"}}
_DURATION: Final = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$|^[0-9]+(\.[0-9]+)?$"
_OPTIONAL_SECONDS: Final = {"type": ["integer", "null"], "minimum": 0}
_KEY_AND_VALUE: Final = {"name": {"type": "string", "pattern": r"^[a-z0-9_./-]+$"}, "value": {"type": "string"}}

# What a default does not say of its own value; everything else has the default's type.
SPECIAL: Final[dict[str, dict[str, Any]]] = {
    "image.digest": {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"},
    "image.tag": {"type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$|^$"},
    "image.repository": {"type": "string", "pattern": "^[a-z0-9]"},
    "image.pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
    "image.pullSecrets": _TEXTS,
    "replicaCount": _COUNT,
    "autoscaling.minReplicas": _COUNT,
    "autoscaling.maxReplicas": _COUNT,
    "autoscaling.cpu.target": {"type": "integer", "minimum": 1, "maximum": 100},
    "autoscaling.connections.enabled": _SWITCH,
    "autoscaling.connections.target": {"type": ["integer", "null"], "minimum": 0},
    "autoscaling.scaleDown.stabilizationSeconds": {"type": "integer", "minimum": 0, "maximum": 3600},
    "secrets.values.tokenHmacSecret": {"type": "string", "pattern": "^$|.{32,}"},
    "secrets.values.apiKey": {"type": "string", "pattern": "^[A-Za-z0-9_-]*$"},
    "secrets.values.adminToken": {"type": "string", "pattern": "^[A-Za-z0-9_-]*$"},
    "redis.external.addresses": _TEXTS,
    "redis.external.mode": {"enum": ["single", "sentinel", "cluster"]},
    "redis.trial.command": _TEXTS,
    "redis.trial.memoryMiB": {"type": "integer", "minimum": 32},
    "resources.requests.cpu": _QUANTITY,
    "resources.requests.memory": _QUANTITY,
    "resources.limits.memory": _QUANTITY,
    "terminationGracePeriodSeconds": _OPTIONAL_SECONDS,
    "minReadySeconds": _OPTIONAL_SECONDS,
    "progressDeadlineSeconds": _OPTIONAL_SECONDS,
    "probes.startupSeconds": _COUNT,
    "probes.livenessSeconds": {"type": "integer", "minimum": 10},
    "probes.readiness.periodSeconds": _COUNT,
    "probes.readiness.failureThreshold": _COUNT,
    "podSysctls.profile": {"enum": ["safe", "none", "unsafe"]},
    "podSysctls.safe": {
        "type": "array",
        "items": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name", "value", "since"],
            "properties": _KEY_AND_VALUE | {"since": {"type": "string", "pattern": r"^[0-9]+\.[0-9]+$"}},
        },
    },
    "podSysctls.unsafe": {
        "type": "array",
        "items": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name", "value"],
            "properties": _KEY_AND_VALUE,
        },
    },
    "service.type": {"enum": ["ClusterIP", "NodePort", "LoadBalancer"]},
    "service.port": _PORT,
    "service.nodePort": {"type": ["integer", "null"], "minimum": 1, "maximum": 65535},
    "service.externalTrafficPolicy": {"enum": ["Cluster", "Local"]},
    "internalService.port": _PORT,
    "httpRoute.parentRefs": _OBJECTS,
    "httpRoute.hostnames": _TEXTS,
    "ingress.preset": {"enum": ["", "haproxy", "alb"]},
    "ingress.hosts": _TEXTS,
    "ingress.tls": _OBJECTS,
    "networkPolicy.publicFrom": _OBJECTS,
    "networkPolicy.internalFrom": _OBJECTS,
    "networkPolicy.egress.rules": _OBJECTS,
    "metrics.serviceMonitor.enabled": _SWITCH,
    "metrics.serviceMonitor.interval": {"type": "string", "pattern": "^[0-9]+(ms|s|m)$"},
    "runAsUser": {"type": ["integer", "null"], "minimum": 1},
    "runAsGroup": {"type": ["integer", "null"], "minimum": 1},
    "affinity": {"type": "object"},
    "tolerations": _OBJECTS,
    "topologySpreadConstraints": _OBJECTS,
    "extraEnv": _OBJECTS,
    "extraVolumes": _OBJECTS,
    "extraVolumeMounts": _OBJECTS,
}
# Groups in which Kubernetes has more keys than the defaults show.
_OPEN: Final = {"resources", "resources.requests", "resources.limits"}


def values_schema() -> dict[str, Any]:
    """Return the schema of values files."""
    definitions: dict[str, Any] = {}
    root = _group(closed=True)
    # Helm hands `global` to every chart.
    root["properties"]["global"] = {"type": "object"}
    for value in read_values():
        if value.path[0] != "config":
            _parent(root, value.path)["properties"][value.path[-1]] = _of(value)
        elif len(value.path) == 1:
            settings = _group_of(Settings, definitions)
            root["properties"]["config"] = settings | {"description": value.comment}
    return {"$schema": "http://json-schema.org/draft-07/schema#", **root, "definitions": definitions}


def schema_text() -> str:
    """Return the schema as the file has it."""
    return json.dumps(values_schema(), indent=1, ensure_ascii=False) + "\n"


def _of(value: Value) -> dict[str, Any]:
    about = {"description": value.comment} if value.comment else {}
    if value.is_group:
        return about | _group(closed=value.dotted not in _OPEN)
    return about | (SPECIAL.get(value.dotted) or _of_default(value.default))


def _of_default(default: object) -> dict[str, Any]:
    if isinstance(default, bool):
        return {"type": "boolean"}
    if isinstance(default, int):
        return {"type": "integer", "minimum": 0}
    if isinstance(default, str):
        return {"type": "string"}
    if default == {}:
        return _MAP
    raise TypeError(f"expected a default whose type is plain, or a line in SPECIAL; saw {default!r}")


def _group(*, closed: bool) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": not closed, "properties": {}}


def _parent(root: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    for key in path[:-1]:
        root = root["properties"][key]
    return root


# The settings


def _group_of(model: type[BaseModel], definitions: dict[str, Any]) -> dict[str, Any]:
    properties = {name: _setting(shape_of(field), definitions) for name, field in model.model_fields.items()}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _setting(shape: Shape, definitions: dict[str, Any]) -> dict[str, Any]:
    schema = _plain(shape, definitions)
    if not shape.is_optional:
        return schema
    return (
        {"anyOf": [schema, {"type": "null"}]} if "type" not in schema else schema | {"type": [schema["type"], "null"]}
    )


def _plain(shape: Shape, definitions: dict[str, Any]) -> dict[str, Any]:
    if shape.model is not None:
        name = shape.model.__name__
        if name not in definitions:
            definitions[name] = {}  # so that a group within itself ends
            definitions[name] = _group_of(shape.model, definitions)
        return {"$ref": f"#/definitions/{name}"}
    if shape.kind == "choice":
        return {"enum": list(shape.choices)}
    if shape.kind == "list" and shape.item is not None:
        return {"type": "array", "items": _setting(shape.item, definitions)}
    if shape.kind == "map" and shape.item is not None:
        return {"type": "object", "additionalProperties": _setting(shape.item, definitions)}
    if shape.kind == "duration":
        # Ranges of texts are the gateway's to check.
        return {"anyOf": [_bounded("number", shape), {"type": "string", "pattern": _DURATION}]}
    kind = {"flag": "boolean", "whole number": "integer", "number": "number"}.get(shape.kind, "string")
    return _bounded(kind, shape) if kind in {"integer", "number"} else {"type": kind}


def _bounded(kind: str, shape: Shape) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": kind}
    for one in shape.metadata:
        for constraint, name, keyword in (
            (annotated_types.Ge, "ge", "minimum"),
            (annotated_types.Gt, "gt", "exclusiveMinimum"),
            (annotated_types.Le, "le", "maximum"),
        ):
            if isinstance(one, constraint):
                schema[keyword] = getattr(one, name)
    return schema
