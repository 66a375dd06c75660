"""Tests of holdfast.diagnostics.token_grants."""

from __future__ import annotations

from typing import Any

from holdfast.diagnostics.findings import Finding
from holdfast.diagnostics.token_grants import connection_grants, subscription_grants
from tests.unit.diagnostics.made_tokens import settings

CHANNELS: dict[str, Any] = {
    "without_namespace": {"allow_user_limited_channels": True},
    "namespaces": [
        {"name": "open", "allow_subscribe_for_client": True},
        {"name": "everybody", "allow_subscribe_for_client": True, "allow_subscribe_for_anonymous": True},
        {"name": "dialog", "allow_user_limited_channels": True},
        {"name": "closed"},
    ],
}
SETTINGS = settings(channel=CHANNELS)


def of(findings: tuple[Finding, ...], check: str) -> list[Finding]:
    """Return the findings of a check."""
    return [one for one in findings if one.check == check]


def test_grants_name_the_claim_and_its_channels() -> None:
    """`channels` subscribes at once."""
    facts, findings = connection_grants({"channels": ["news", "open:a", "news"]}, "42", SETTINGS)

    assert (facts["claim"], facts["channels"]) == ("channels", ["news", "open:a"])
    assert of(findings, "grant_claims")[0].evidence == "claim channels"


def test_grants_say_that_subs_hide_channels() -> None:
    """Where `subs` is given, `channels` does not count."""
    facts, findings = connection_grants({"channels": ["news"], "subs": {"open:b": {}}}, "42", SETTINGS)

    assert (facts["claim"], facts["channels"]) == ("subs", ["open:b"])
    assert of(findings, "grant_ignored")[0].severity == "warning"


def test_grants_name_channels_that_refuse_the_connect() -> None:
    """A channel of no namespace makes the whole connect fail."""
    facts, findings = connection_grants({"channels": ["missing:a", "x" * 300]}, "42", SETTINGS)

    assert set(facts["refused"].values()) == {"unknown_channel", "channel_name_too_long"}
    assert {one.severity for one in of(findings, "grant_refused")} == {"critical"}


def test_grants_count_the_channels() -> None:
    """More than a client may have is refused by the same cause as at the door."""
    facts, findings = connection_grants({"channels": [f"c{n}" for n in range(200)]}, "42", SETTINGS)

    assert facts["channels_count"] == 200
    assert len(facts["channels"]) == 16
    assert of(findings, "channel_limit_close")[0].severity == "critical"
    assert "184 more" in of(findings, "grant_claims")[0].summary


def test_grants_tell_what_the_settings_open() -> None:
    """Channels by the user's name, by their namespace, or none."""
    facts, _ = connection_grants({}, "42", SETTINGS)

    assert facts["user_limited"] == ["*#42", "dialog:*#42"]
    assert facts["namespaces_open"] == ["open:*", "everybody:*"]


def test_grants_of_the_anonymous_user() -> None:
    """Nobody's name is in a channel's name."""
    facts, findings = connection_grants({}, "", SETTINGS)

    assert (facts["user_limited"], facts["namespaces_open"]) == ([], ["everybody:*"])
    assert "the anonymous user" in of(findings, "grant_settings")[0].summary


def test_grants_where_the_backend_decides() -> None:
    """A subscribe proxy is asked."""
    loaded = settings(channel={"without_namespace": {"subscribe_proxy_enabled": True}})
    facts, _ = connection_grants({}, "42", loaded)

    assert facts["namespaces_by_backend"] == ["*"]


def test_grants_where_nothing_is_open() -> None:
    """Each channel needs a token."""
    _, findings = connection_grants({}, "42", settings())

    assert "needs a token" in of(findings, "grant_settings")[0].summary


def test_grants_bear_any_claims() -> None:
    """Wrong types are the validator's to refuse."""
    for value in (None, 7, "news", [7, None], {"a": 1}):
        connection_grants({"channels": value, "subs": value}, "42", SETTINGS)
        subscription_grants({"channel": value, "client": value}, SETTINGS)


def test_grants_of_a_subscription_token() -> None:
    """One channel, for one connection where it says so."""
    _, findings = subscription_grants({"channel": "open:a", "client": "c1"}, SETTINGS)

    assert findings[0].severity == "ok"
    assert "'c1' alone" in findings[0].summary
    assert subscription_grants({"channel": "missing:a"}, SETTINGS).findings[0].severity == "critical"
