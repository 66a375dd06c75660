"""What the metrics of an instance say against it after a roll. No input or output here."""

from __future__ import annotations

import re

_SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?\s+(\S+)")


def parse(text: str) -> dict[str, float]:
    """Return the samples of a page of metrics; the name is what stands before the value, labels and all."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        if (match := _SAMPLE.match(line)) and not line.startswith("#"):
            name, labels, value = match.groups()
            try:
                found[f"{name}{{{labels}}}" if labels else name] = float(value)
            except ValueError:
                continue
    return found


def total(samples: dict[str, float], metric: str, labels: dict[str, str]) -> float | None:
    """Return the sum of a metric over all samples that have these labels; None where it has none."""
    wanted = [f'{name}="{value}"' for name, value in labels.items()]
    values = [
        value
        for name, value in samples.items()
        if name.partition("{")[0] == metric and all(one in name for one in wanted)
    ]
    return sum(values) if values else None


def alarms(before: dict[str, float], after: dict[str, float], rules: list[dict]) -> list[str]:
    """Return what is beyond its limit: `least` and `most` of the value itself, `growth` of what was added meanwhile."""
    said = []
    for rule in rules:
        metric, labels = rule["metric"], rule.get("labels") or {}
        now = total(after, metric, labels)
        if now is None:
            continue
        name = metric + ("{" + ",".join(f"{key}={value}" for key, value in labels.items()) + "}" if labels else "")
        grown = now - (total(before, metric, labels) or 0.0)
        if (least := rule.get("least")) is not None and now < float(least):
            said.append(f"{name} is {now:g}, expected at least {float(least):g}")
        if (most := rule.get("most")) is not None and now > float(most):
            said.append(f"{name} is {now:g}, expected at most {float(most):g}")
        if (growth := rule.get("growth")) is not None and grown > float(growth):
            said.append(f"{name} rose by {grown:g}, expected at most {float(growth):g}")
    return said
