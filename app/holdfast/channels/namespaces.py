"""From a channel's name to its namespace, its options and the users it names. Follows Centrifugo v6."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from holdfast.errors import ChannelError
from holdfast.settings import ChannelOptions, ChannelSettings
from holdfast.settings_types import compile_channel_regex

# About 5 MB when full of long names. A gateway with more channels in use pays 1 us more for some commands.
_CACHED_CHANNELS = 16384


@dataclass(frozen=True, slots=True)
class ResolvedChannel:
    """What a channel's name says.

    `users` are those whom a user-limited channel admits; None where the channel is not limited to users.
    In `options` the defaults of all channels are filled in: `history_meta_ttl` is never 0. `fits` tells whether the
    name matches the namespace's pattern, which concerns clients alone.
    """

    name: str
    namespace: str
    options: ChannelOptions
    is_private: bool
    users: tuple[str, ...] | None
    fits: bool = True


class ChannelRules:
    """The configured namespaces, and the names they make of channels."""

    def __init__(self, settings: ChannelSettings) -> None:
        self._settings = settings
        self._options = {
            "": _with_default(settings.without_namespace, settings),
            **{namespace.name: _with_default(namespace, settings) for namespace in settings.namespaces},
        }
        self._searches = {
            name: compile_channel_regex(options.channel_regex)
            for name, options in self._options.items()
            if options.channel_regex
        }
        # Errors are not cached, so that nobody fills the cache with names that lead nowhere.
        self.resolve: Callable[[str], ResolvedChannel] = lru_cache(_CACHED_CHANNELS)(self._resolve)
        """Return what a channel's name says.

        Raises:
            ChannelError: `channel_name_too_long`, `channel_name_invalid` (not ASCII, in a namespace without a pattern),
                or `unknown_channel` (empty, or of a namespace that is not configured).
        """

    def is_binary(self, channel: str) -> bool:
        """Tell whether a channel's publications may be no JSON; one that nobody can use has none that matter."""
        try:
            return self._resolve(channel).options.publication_data_format == "binary"
        except ChannelError:
            return True

    def resolve_for_client(self, channel: str) -> ResolvedChannel:
        """Return what the name of a channel says that a client asked for.

        Raises:
            ChannelError: as `resolve`, and `channel_name_mismatch`.
        """
        resolved = self.resolve(channel)
        if not resolved.fits:
            raise ChannelError("channel_name_mismatch", "expected a name that matches the namespace's channel_regex")
        return resolved

    def _resolve(self, channel: str) -> ResolvedChannel:
        settings = self._settings
        if not channel:
            raise ChannelError("unknown_channel", "expected a channel's name, came an empty text")
        if len(channel) > settings.max_length:
            detail = f"expected at most {settings.max_length} characters, came {len(channel)}"
            raise ChannelError("channel_name_too_long", detail)
        is_private = bool(settings.private_prefix) and channel.startswith(settings.private_prefix)
        namespace, boundary, rest = channel.removeprefix(settings.private_prefix).partition(settings.namespace_boundary)
        if not boundary:
            namespace, rest = "", channel
        search = self._searches.get(namespace)
        if not channel.isascii() and (search is None or not _is_text(channel)):
            raise ChannelError("channel_name_invalid", "expected ASCII characters, came others")
        options = self._options.get(namespace)
        if options is None:
            raise ChannelError("unknown_channel", f"no namespace {namespace!r} is configured")
        fits = search is None or search(rest) is not None
        return ResolvedChannel(channel, namespace, options, is_private, self._users(channel, options), fits)

    def _users(self, channel: str, options: ChannelOptions) -> tuple[str, ...] | None:
        _, boundary, users = channel.rpartition(self._settings.user_boundary)
        if not boundary or not options.allow_user_limited_channels:
            return None
        return tuple(users.split(self._settings.user_separator))


def _is_text(channel: str) -> bool:
    """Tell whether a name can be written in UTF-8, which half of a surrogate pair cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in channel)


def _with_default(options: ChannelOptions, settings: ChannelSettings) -> ChannelOptions:
    defaults: dict[str, object] = {}
    if not options.history_meta_ttl:
        defaults["history_meta_ttl"] = settings.history_meta_ttl
    if not options.publication_data_format:
        defaults["publication_data_format"] = settings.publication_data_format
    return options.model_copy(update=defaults)
