"""Which channels a token opens, by which claim, and which ones the settings open to its user without any.

Pure. It resolves names by the same rules as a subscribe command does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from holdfast.channels.namespaces import ChannelRules, ResolvedChannel
from holdfast.channels.permissions import can_subscribe
from holdfast.diagnostics.findings import Finding
from holdfast.errors import ChannelError
from holdfast.settings import ChannelOptions, Settings

_MOST_CHANNELS = 16
_LONGEST_NAME = 128
_ANY = "*"


class Grants(NamedTuple):
    """What is opened: facts as JSON, and the findings."""

    facts: Mapping[str, Any]
    findings: tuple[Finding, ...]


def connection_grants(claims: Mapping[str, object], user: str, settings: Settings) -> Grants:
    """Return what a connection token opens: its own channels, those that name its user, and open namespaces."""
    rules = ChannelRules(settings.channel)
    named, ignored = _named(claims)
    faults = {channel: fault for channel in named if (fault := _fault(channel, rules))}
    limited, open_to_user, by_backend = _namespaces(user, settings)
    findings = [
        *_of_claims(claims, named, faults, ignored, settings),
        _of_settings(user, limited, open_to_user, by_backend),
    ]
    facts = {
        "claim": "subs" if claims.get("subs") else "channels" if named else None,
        "channels": [channel[:_LONGEST_NAME] for channel in named[:_MOST_CHANNELS]],
        "channels_count": len(named),
        "refused": {channel[:_LONGEST_NAME]: slug for channel, slug in list(faults.items())[:_MOST_CHANNELS]},
        "user_limited": limited,
        "namespaces_open": open_to_user,
        "namespaces_by_backend": by_backend,
    }
    return Grants(facts, tuple(findings))


def subscription_grants(claims: Mapping[str, object], settings: Settings) -> Grants:
    """Return what a subscription token opens: its one channel."""
    channel = claims.get("channel")
    if not isinstance(channel, str) or not channel:
        return Grants({"channels": []}, ())
    fault = _fault(channel, ChannelRules(settings.channel))
    evidence = "claim channel" + (f"; {fault}" if fault else "")
    client = claims.get("client")
    bound = f", for the connection {client[:64]!r} alone" if isinstance(client, str) and client else ""
    summary = f"opens {channel[:_LONGEST_NAME]!r}{bound}"
    remedy = "Correct the channel's name, or configure its namespace." if fault else ""
    finding = Finding("grant_channel", "critical" if fault else "ok", summary, evidence, remedy)
    return Grants({"claim": "channel", "channels": [channel[:_LONGEST_NAME]]}, (finding,))


def _named(claims: Mapping[str, object]) -> tuple[list[str], int]:
    """Return the channels that the token itself names, and how many of `channels` do not count because of `subs`."""
    subs, channels = claims.get("subs"), claims.get("channels")
    plain = [name for name in channels if isinstance(name, str)] if isinstance(channels, list) else []
    if isinstance(subs, dict) and subs:
        return [str(name) for name in subs], len(plain)
    return list(dict.fromkeys(plain)), 0


def _fault(channel: str, rules: ChannelRules) -> str:
    try:
        rules.resolve(channel)
    except ChannelError as error:
        return error.slug
    return ""


def _of_claims(
    claims: Mapping[str, object], named: list[str], faults: Mapping[str, str], ignored: int, settings: Settings
) -> Iterator[Finding]:
    claim = "subs" if claims.get("subs") else "channels"
    if not named:
        yield Finding("grant_claims", "ok", "the token names no channels", "no claim channels or subs")
        return
    listed = ", ".join(repr(channel[:_LONGEST_NAME]) for channel in named[:_MOST_CHANNELS])
    more = f" and {len(named) - _MOST_CHANNELS} more" if len(named) > _MOST_CHANNELS else ""
    yield Finding("grant_claims", "ok", f"subscribes the client at once: {listed}{more}", f"claim {claim}")
    for channel, slug in list(faults.items())[:_MOST_CHANNELS]:
        remedy = "Correct the channel's name, or configure its namespace; the connect is refused for it."
        yield Finding("grant_refused", "critical", f"{channel[:_LONGEST_NAME]!r}: {slug}", f"claim {claim}", remedy)
    limit = settings.client.channel_limit
    if len(named) > limit:
        evidence = f"{len(named)} channels, the limit is {limit}"
        remedy = "Shorten the list, or raise client.channel_limit."
        yield Finding("channel_limit_close", "critical", "The token names too many channels.", evidence, remedy)
    if ignored:
        remedy = "Put all channels into subs."
        yield Finding(
            "grant_ignored",
            "warning",
            f"{ignored} channel(s) of the claim channels do not count",
            "subs is given",
            remedy,
        )


def _namespaces(user: str, settings: Settings) -> tuple[list[str], list[str], list[str]]:
    """Return patterns of user-limited channels, and the namespaces open to the user and asked of the backend."""
    channel = settings.channel
    options: list[tuple[str, ChannelOptions]] = [("", channel.without_namespace)]
    options += [(namespace.name, namespace) for namespace in channel.namespaces]
    limited: list[str] = []
    open_to_user: list[str] = []
    by_backend: list[str] = []
    for name, one in options[:64]:
        prefix = f"{name}{channel.namespace_boundary}" if name else ""
        if one.subscribe_proxy_enabled:
            by_backend.append(f"{prefix}{_ANY}")
        elif can_subscribe(ResolvedChannel(prefix, name, one, is_private=False, users=None), user) is None:
            open_to_user.append(f"{prefix}{_ANY}")
        if one.allow_user_limited_channels and user:
            limited.append(f"{prefix}{_ANY}{channel.user_boundary}{user[:_LONGEST_NAME]}")
    return limited, open_to_user, by_backend


def _of_settings(user: str, limited: list[str], open_to_user: list[str], by_backend: list[str]) -> Finding:
    said = [
        ("by their names", limited),
        ("by their namespace", open_to_user),
        ("if the backend agrees", by_backend),
    ]
    words = "; ".join(f"{how}: {', '.join(names[:_MOST_CHANNELS])}" for how, names in said if names)
    who = f"user {user[:_LONGEST_NAME]!r}" if user else "the anonymous user"
    return Finding(
        "grant_settings", "ok", f"{who} may subscribe to {words}" if words else f"{who} needs a token for each channel"
    )
