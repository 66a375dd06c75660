"""Who may do what: Centrifugo's options, one by one."""

from collections.abc import Callable

import pytest

from holdfast.channels.namespaces import ChannelRules, ResolvedChannel
from holdfast.channels.permissions import can_history, can_presence, can_publish, can_subscribe, denial
from holdfast.codes import CODES
from holdfast.settings import ChannelOptions, ChannelSettings, Namespace

DENIED = "permission_denied"


def channel(name: str = "x", **options: bool) -> ResolvedChannel:
    """Resolve a channel without namespace that has these options on."""
    return ChannelRules(ChannelSettings(without_namespace=ChannelOptions(**options))).resolve(name)


@pytest.mark.parametrize(
    ("options", "user", "refusal"),
    [
        ((), "7", DENIED),
        ((), "", DENIED),
        (("client",), "7", None),
        (("client",), "", DENIED),
        (("client", "anonymous"), "", None),
        (("anonymous",), "", DENIED),
        (("anonymous",), "7", DENIED),
    ],
)
def test_can_subscribe_by_options(options: tuple[str, ...], user: str, refusal: str | None) -> None:
    """Clients with a user need one option, anonymous clients both."""
    granted = {f"allow_subscribe_for_{option}": True for option in options}

    assert can_subscribe(channel(**granted), user) == refusal


@pytest.mark.parametrize(
    ("name", "user", "refusal"),
    [("d#1,2", "1", None), ("d#1,2", "2", None), ("d#1,2", "3", DENIED), ("d#1,2", "", DENIED), ("d#", "", DENIED)],
)
def test_can_subscribe_to_user_limited_channel(name: str, user: str, refusal: str | None) -> None:
    """The users in the name are let in, nobody else, whatever the other options say."""
    options = {f"allow_subscribe_for_{who}": True for who in ("client", "anonymous")}

    assert can_subscribe(channel(name, allow_user_limited_channels=True), user) == refusal
    assert can_subscribe(channel(name, allow_user_limited_channels=True, **options), user) == refusal


def test_can_subscribe_where_user_limits_are_off() -> None:
    """Without the option a # is a letter like any other."""
    assert can_subscribe(channel("d#1", allow_subscribe_for_client=True), "2") is None
    assert can_subscribe(channel("d#1"), "1") == DENIED


def test_can_subscribe_to_private_channel_takes_a_token() -> None:
    """No option opens a private channel."""
    options = {"allow_subscribe_for_client": True, "allow_user_limited_channels": True}

    assert can_subscribe(channel("$x", **options), "7") == "subscription_token_missing"
    assert can_subscribe(channel("$x#7", **options), "7") == "subscription_token_missing"


Decision = Callable[..., str | None]


@pytest.mark.parametrize(
    ("what", "decide"), [("publish", can_publish), ("presence", can_presence), ("history", can_history)]
)
@pytest.mark.parametrize(
    ("options", "user", "subscribed", "refusal"),
    [
        ((), "7", True, DENIED),
        (("client",), "7", False, None),
        (("client",), "", False, DENIED),
        (("client", "anonymous"), "", False, None),
        (("subscriber",), "7", True, None),
        (("subscriber",), "7", False, DENIED),
        (("subscriber",), "", True, DENIED),
        (("subscriber", "anonymous"), "", True, None),
        (("subscriber", "anonymous"), "", False, DENIED),
        (("anonymous",), "", True, DENIED),
    ],
)
def test_can_do_by_options(
    what: str, decide: Decision, options: tuple[str, ...], user: str, subscribed: bool, refusal: str | None
) -> None:
    """Publish, presence and history follow the same three options each."""
    granted = {f"allow_{what}_for_{option}": True for option in options}

    assert decide(channel(**granted), user, subscribed=subscribed) == refusal


def test_options_of_one_kind_open_nothing_else() -> None:
    """A right to publish is no right to read history."""
    publisher = channel(allow_publish_for_client=True)

    assert can_publish(publisher, "7", subscribed=False) is None
    assert {can_history(publisher, "7", subscribed=True), can_presence(publisher, "7", subscribed=True)} == {DENIED}
    assert can_subscribe(publisher, "7") == DENIED


def test_refusals_are_in_the_code_table() -> None:
    """What is returned can be raised."""
    assert {DENIED, "subscription_token_missing"} <= set(CODES)


@pytest.mark.parametrize(
    ("name", "said"),
    [("secret", "channel.without_namespace"), ("chat:secret", "namespace 'chat'"), ("dialog:secret#7", "name lists")],
)
def test_denial_names_the_place_and_never_the_channel(name: str, said: str) -> None:
    """The log says which options to look at; whom a channel joins is nobody's business."""
    dialog = Namespace(name="dialog", allow_user_limited_channels=True)
    rules = ChannelRules(ChannelSettings(namespaces=(Namespace(name="chat"), dialog)))

    text = denial(rules.resolve(name))

    assert said in text
    assert "secret" not in text
