"""What a channel's name says: namespace, privacy, users."""

import pytest

from holdfast.channels.namespaces import ChannelRules
from holdfast.errors import ChannelError
from holdfast.settings import ChannelOptions, ChannelSettings, Namespace

SETTINGS = ChannelSettings(
    without_namespace=ChannelOptions(allow_user_limited_channels=True),
    namespaces=(
        Namespace(name="news", history_size=10, history_ttl=60, history_meta_ttl=90),
        Namespace(name="chat", allow_user_limited_channels=True),
    ),
)


@pytest.mark.parametrize(
    ("channel", "namespace", "is_private", "users"),
    [
        ("index", "", False, None),
        ("news:today", "news", False, None),
        ("news:a:b", "news", False, None),
        (":x", "", False, None),
        ("$secret", "", True, None),
        ("$news:secret", "news", True, None),
        ("news$", "", False, None),
        ("#7", "", False, ("7",)),
        ("dialog#1,2", "", False, ("1", "2")),
        ("chat:dialog#1,2", "chat", False, ("1", "2")),
        ("$chat:dialog#1", "chat", True, ("1",)),
        ("dialog#1#2", "", False, ("2",)),
        ("dialog#", "", False, ("",)),
        ("news:number#1", "news", False, None),
    ],
)
def test_resolve_reads_the_name(channel: str, namespace: str, is_private: bool, users: tuple[str, ...] | None) -> None:
    """The private prefix is looked through, the first boundary counts, users follow the last mark."""
    resolved = ChannelRules(SETTINGS).resolve(channel)

    assert (resolved.name, resolved.namespace) == (channel, namespace)
    assert (resolved.is_private, resolved.users) == (is_private, users)


@pytest.mark.parametrize(
    ("channel", "slug"),
    [
        ("", "unknown_channel"),
        ("nowhere:x", "unknown_channel"),
        ("$nowhere:x", "unknown_channel"),
        ("NEWS:x", "unknown_channel"),
        ("x" * 256, "channel_name_too_long"),
        ("naïve", "channel_name_invalid"),
        ("\udcff", "channel_name_invalid"),
    ],
)
def test_resolve_refuses_names_that_lead_nowhere(channel: str, slug: str) -> None:
    """Each kind of impossible name has its own cause, time after time."""
    rules = ChannelRules(SETTINGS)
    for _ in range(2):
        with pytest.raises(ChannelError) as caught:
            rules.resolve(channel)

        assert caught.value.slug == slug


def test_resolve_takes_the_longest_name() -> None:
    """The limit itself is allowed."""
    assert ChannelRules(SETTINGS).resolve("x" * 255).namespace == ""


def test_resolve_fills_in_the_meta_ttl() -> None:
    """A namespace without a meta TTL has that of all channels."""
    rules = ChannelRules(SETTINGS)

    assert rules.resolve("news:x").options.history_meta_ttl == 90
    assert rules.resolve("chat:x").options.history_meta_ttl == SETTINGS.history_meta_ttl
    assert rules.resolve("x").options.history_meta_ttl == SETTINGS.history_meta_ttl


def test_resolve_fills_in_the_data_format() -> None:
    """A namespace that does not say what publications hold takes what all channels have."""
    namespaces = (Namespace(name="bytes", publication_data_format="binary"), Namespace(name="chat"))
    rules = ChannelRules(ChannelSettings(namespaces=namespaces, publication_data_format="json_object"))

    assert rules.resolve("bytes:x").options.publication_data_format == "binary"
    assert rules.resolve("chat:x").options.publication_data_format == "json_object"
    assert ChannelRules(SETTINGS).resolve("x").options.publication_data_format == ""


def test_is_binary_tells_what_json_clients_may_not_read() -> None:
    """Only the namespace decides; a channel without one is nobody's to read."""
    rules = ChannelRules(ChannelSettings(namespaces=(Namespace(name="bytes", publication_data_format="binary"),)))

    assert [rules.is_binary(channel) for channel in ("bytes:x", "x", "gone:x")] == [True, False, True]


def test_resolve_remembers_names() -> None:
    """The second look at a name costs no second object."""
    rules = ChannelRules(SETTINGS)

    assert rules.resolve("news:x") is rules.resolve("news:x")


def test_resolve_with_other_marks() -> None:
    """Boundaries, separator and prefix are settings; an empty prefix makes no channel private."""
    rules = ChannelRules(
        ChannelSettings(
            namespaces=(Namespace(name="chat", allow_user_limited_channels=True),),
            namespace_boundary="/",
            user_boundary="@",
            user_separator="+",
            private_prefix="",
        )
    )
    resolved = rules.resolve("chat/x@1+2")

    assert (resolved.namespace, resolved.users) == ("chat", ("1", "2"))
    assert not rules.resolve("$x").is_private


PATTERNS = ChannelSettings(
    without_namespace=ChannelOptions(channel_regex=r"^[$]?[a-z]+$"),
    namespaces=(
        Namespace(name="ids", channel_regex=r"^\d+$"),
        Namespace(name="cities", channel_regex=r"^\p{L}+$"),
        Namespace(name="loose", channel_regex="x"),
        Namespace(name="free"),
    ),
)


@pytest.mark.parametrize(
    ("channel", "fits"),
    [
        ("index", True),
        ("index1", False),
        ("$secret", True),
        ("ids:12", True),
        ("$ids:12", True),
        ("ids:", False),
        ("ids:12:13", False),
        ("ids:12\n", False),
        ("cities:Zürich", True),
        ("cities:Zürich 1", False),
        ("loose:axb", True),
        ("loose:", False),
        ("free:anything at all", True),
    ],
)
def test_resolve_matches_what_follows_the_namespace(channel: str, fits: bool) -> None:
    """A pattern is looked for behind the namespace, or in the whole name; only clients are refused."""
    rules = ChannelRules(PATTERNS)
    assert rules.resolve(channel).fits is fits

    if fits:
        assert rules.resolve_for_client(channel) is rules.resolve(channel)
    else:
        with pytest.raises(ChannelError, match="channel_name_mismatch"):
            rules.resolve_for_client(channel)


@pytest.mark.parametrize("channel", ["free:Zürich", "cities:\udcff", "nowhere:Zürich"])
def test_resolve_refuses_other_characters_without_a_pattern(channel: str) -> None:
    """A pattern says which characters there may be; without one they are ASCII, and never half a character."""
    with pytest.raises(ChannelError, match="channel_name_invalid"):
        ChannelRules(PATTERNS).resolve(channel)


def test_resolve_takes_no_longer_for_bad_patterns() -> None:
    """A pattern over which a backtracking search would spend years answers at once."""
    settings = ChannelSettings(without_namespace=ChannelOptions(channel_regex="^(a|a)*(a*)*$"), max_length=4096)

    assert not ChannelRules(settings).resolve("a" * 4095 + "b").fits
