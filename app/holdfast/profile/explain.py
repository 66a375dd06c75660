"""Say in plain words what a key, an intent, a calculated number or an alert is, where it comes from, what it costs."""

from __future__ import annotations

from difflib import get_close_matches

from holdfast.profile.derive import derive
from holdfast.profile.derived import MEANINGS, Derived
from holdfast.profile.entries import default_of, resolve
from holdfast.profile.facts import HostFacts
from holdfast.profile.faults import Fault, ProfileError
from holdfast.profile.model import Entry, Profile
from holdfast.profile.render.alerts import MEANINGS as ALERTS
from holdfast.profile.render.table import names, pod_text, shown

_MODES = {
    "exact": "exactly {}",
    "min": "at least {}; what a host has more of stays",
    "max": "at most {}; what a host has less of stays",
    "report": "left as it is, only looked at",
}


def explain(profile: Profile, facts: HostFacts, name: str) -> str:
    """Return lines about what has this name.

    Raises:
        ProfileError: nothing has it, or the profile does not fit the host.
    """
    derived, intents = derive(profile, facts), type(profile.intents).model_fields
    told = [
        *(_entry(profile, entry, derived, facts.kernel) for entry in profile.entries if name in (entry.key, entry.id)),
        *([_number(profile, name, derived)] if name in MEANINGS and name not in (*intents, "alerts") else []),
        *([_intent(profile, name)] if name in intents else []),
        *([_alert(name, derived)] if name in derived.alerts else []),
    ]
    if not told:
        near = get_close_matches(name, list(names(profile)), n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "`holdfast profile show` lists them"
        text = f"expected a key, id, intent, calculated number or alert, saw {name!r}; {hint}"
        raise ProfileError([Fault("name_unknown", text)], "Nothing is called so")
    return "\n\n".join("\n".join(f"{head + ':':<11}{text}" if head else text for head, text in part) for part in told)


def _entry(profile: Profile, entry: Entry, derived: Derived, kernel: str) -> list[tuple[str, str]]:
    expected = resolve(entry, derived)
    value = _MODES[expected.mode].format("" if expected.value is None else shown(expected.value))
    lines = [
        ("", f"{entry.key}  ({entry.id}, {entry.kind})"),
        ("Value", value if entry.enabled else f"{value} - off until you choose it: `enabled: true`"),
        *_origin(profile, entry.formula),
        ("Why", " ".join(entry.why.split())),
        ("Cost", entry.cost),
        ("Risk", entry.risk),
        ("Hosts", ", ".join(entry.roles)),
        ("Reach", {"netns": "one network namespace", "global": "the whole machine"}.get(entry.scope, entry.scope)),
    ]
    if entry.default:
        values = ", ".join(f"{shown(value)} (Linux {kernel})" for kernel, value in entry.default.items())
        lines.append(("By itself", f"{entry.default_varies}; such as {values}" if entry.default_varies else values))
    if entry.kernel_min:
        lines.append(("Since", f"Linux {entry.kernel_min}"))
    lines.append(("In a pod", pod_text(entry.pod)))
    if entry.evidence:
        lines.append(("Watch", ", ".join(entry.evidence)))
    return [*lines, ("Source", entry.source), ("Undo", _undo(entry, kernel))]


def _origin(profile: Profile, formula: str | None) -> list[tuple[str, str]]:
    if formula is None:
        return [("From", "the profile's own number; no intent changes it")]
    meaning = MEANINGS[formula]
    return [
        ("Formula", f"{formula} = {meaning.formula} ({meaning.unit})"),
        ("From", "; ".join(_intent_value(profile, one) for one in meaning.intents)),
    ]


def _intent_value(profile: Profile, name: str) -> str:
    value = getattr(profile.intents, name)
    return name if hasattr(value, "model_dump") else f"{name} = {shown(value)}"


def _undo(entry: Entry, kernel: str) -> str:
    keep_out = f"`remove: [{entry.id}]` in a profile of your own keeps it out"
    if entry.mode == "report" or entry.kind == "counter":
        return "nothing is set"
    if entry.kind == "sysctl" and entry.default_varies:
        at_start = f"a start without a line that sets it, and {entry.default_varies}"
        return f"the role's rollback brings back what the host had; so does {at_start}; {keep_out}"
    default = default_of(entry, kernel)
    if entry.kind == "sysctl" and default is not None:
        # `sysctl -w` takes no empty value.
        empty = f"echo >/proc/sys/{entry.key.replace('.', '/')}"
        command = empty if default == "" else f"sysctl -w {entry.key}='{default}'"
        return f"`{command}` until the next boot; {keep_out}"
    return f"the role's rollback brings back what the host had; {keep_out}"


def _number(profile: Profile, name: str, derived: Derived) -> list[tuple[str, str]]:
    meaning = MEANINGS[name]
    lines = [
        ("", f"{name}  (calculated)"),
        ("Value", f"{shown(getattr(derived, name))} {meaning.unit}"),
        ("Formula", meaning.formula),
        ("From", "; ".join(_intent_value(profile, one) for one in meaning.intents)),
    ]
    return [*lines, *_users(profile, name)]


def _users(profile: Profile, name: str) -> list[tuple[str, str]]:
    used = [f"{entry.key} ({entry.id})" for entry in profile.entries if entry.formula == name]
    return [("Used by", ", ".join(used))] if used else []


def _intent(profile: Profile, name: str) -> list[tuple[str, str]]:
    value, about = getattr(profile.intents, name), type(profile.intents).model_fields[name]
    plain = value.model_dump() if hasattr(value, "model_dump") else value
    moves = [one for one, meaning in MEANINGS.items() if name in meaning.intents]
    return [
        ("", f"{name}  (intent)"),
        ("Value", shown(plain)),
        ("Says", about.description or ""),
        ("Moves", ", ".join(moves) or "nothing by itself; it is checked against the others"),
        *_users(profile, name),
        ("Change", f"`intents: {{{name}: ...}}` in a profile that says `extends: {profile.name}`"),
    ]


def _alert(name: str, derived: Derived) -> list[tuple[str, str]]:
    return [("", f"{name}  (alert)"), ("Above", shown(derived.alerts[name])), ("Counts", ALERTS[name])]
