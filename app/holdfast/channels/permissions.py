"""Who may do what in a channel, decided by its options alone: each function returns None or the slug of the refusal.

Follows Centrifugo v6: `…_for_client` and `…_for_subscriber` speak of clients with a user, and the matching
`…_for_anonymous` extends them to clients without. Whether the channel has presence or history at all is another
question (`not_available`), asked before these. The server API is not asked: its caller holds the key.
"""

from __future__ import annotations

from typing import Literal

from holdfast.channels.namespaces import ResolvedChannel

Refusal = Literal["permission_denied", "subscription_token_missing"]


def can_subscribe(channel: ResolvedChannel, user: str) -> Refusal | None:
    """Decide about a client that brought no subscription token; `user` is empty for an anonymous one."""
    if channel.is_private:
        return "subscription_token_missing"
    if channel.users is not None:
        # The anonymous user is nobody, even where a name such as `news#` leaves the list empty.
        return None if user and user in channel.users else "permission_denied"
    options = channel.options
    return _decide(options.allow_subscribe_for_client and (bool(user) or options.allow_subscribe_for_anonymous))


def can_publish(channel: ResolvedChannel, user: str, *, subscribed: bool) -> Refusal | None:
    """Decide whether a client may publish; `subscribed` says whether it is subscribed to the channel."""
    options = channel.options
    granted = options.allow_publish_for_client or (subscribed and options.allow_publish_for_subscriber)
    return _decide(granted and (bool(user) or options.allow_publish_for_anonymous))


def can_presence(channel: ResolvedChannel, user: str, *, subscribed: bool) -> Refusal | None:
    """Decide whether a client may read who is present, and be told of joins and leaves where it asks."""
    options = channel.options
    granted = options.allow_presence_for_client or (subscribed and options.allow_presence_for_subscriber)
    return _decide(granted and (bool(user) or options.allow_presence_for_anonymous))


def can_history(channel: ResolvedChannel, user: str, *, subscribed: bool) -> Refusal | None:
    """Decide whether a client may read history, and be positioned or recover where it asks."""
    options = channel.options
    granted = options.allow_history_for_client or (subscribed and options.allow_history_for_subscriber)
    return _decide(granted and (bool(user) or options.allow_history_for_anonymous))


def denial(channel: ResolvedChannel) -> str:
    """Say for the log what refused. The channel is not named: it may say who talks to whom."""
    if channel.users is not None:
        return "the user is not among those whom the channel's name lists, or its namespace does not grant it"
    place = f"namespace {channel.namespace!r}" if channel.namespace else "channel.without_namespace"
    return f"the options of {place} do not grant it to this user"


def _decide(is_allowed: bool) -> Refusal | None:
    return None if is_allowed else "permission_denied"
