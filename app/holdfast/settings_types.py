"""The types of settings that are more than a number or a text: groups, durations, origins, networks, addresses."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr


class Group(BaseModel):
    """A branch of the tree: frozen, and unknown keys are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid")


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def parse_duration(value: object) -> object:
    """Turn `1h30m` into 5400.0 seconds; leave anything but such a text to the type check.

    Raises:
        ValueError: the text is no sum of numbers with units.
    """
    if not isinstance(value, str):
        return value
    text = value.strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if not text or _PART.sub("", text):
        raise ValueError("expected a duration such as 300ms, 30s, 5m or 1h30m, or a number of seconds")
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def _origin(value: str) -> str:
    if re.fullmatch(r"\*|null|([a-z][a-z0-9+.-]*|\*)://[^/?#@\s]+", value) is None:
        raise ValueError("expected an origin such as https://app.example or https://*.example, without a path")
    return value


def _network(value: str) -> str:
    try:
        ipaddress.ip_network(value)
    except ValueError:
        raise ValueError("expected an address or a network such as 10.0.0.0/8, without host bits") from None
    return value


def _moment(value: str) -> str:
    try:
        has_zone = not value or datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        has_zone = False
    if not has_zone:
        raise ValueError("expected a moment with its zone, such as 2027-01-31T12:00:00Z")
    return value


def _web_address(value: str) -> str:
    try:
        parts = urlsplit(value)
        is_usable = not value or (parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0)
    except ValueError:
        is_usable = False
    if not is_usable:
        raise ValueError("expected an address such as https://login.example/keys")
    return value


def _cookie_name(value: str) -> str:
    # RFC 6265, 4.1.1: a token of RFC 2616.
    if re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]*", value) is None:
        raise ValueError("expected a cookie's name: letters, digits and - _ . without blanks")
    return value


def compile_channel_regex(pattern: str) -> Callable[[str], object]:
    """Return a search for a pattern in RE2's syntax; it returns None where there is no match.

    Names come from clients, so the time of a match must not depend on how a pattern is written: RE2 takes linear time,
    where Python's `re` may take for ever. Centrifugo's patterns mean the same in it.

    Raises:
        ValueError: the pattern is none.
    """
    import re2  # here, because it takes memory and few configurations have a pattern

    options = re2.Options()
    options.log_errors = False
    try:
        search: Callable[[str], object] = re2.compile(pattern, options).search
    except re2.error as error:
        reason = str(error.args[0], "utf-8", "replace") if isinstance(error.args[0], bytes) else error
        raise ValueError(f"expected a regular expression that RE2 takes; {reason}") from None
    return search


def _channel_regex(value: str) -> str:
    if value:
        compile_channel_regex(value)
    return value


def _empty_is_none(value: object) -> object:
    return None if value == "" else value


Duration = Annotated[float, BeforeValidator(parse_duration), Field(ge=0, allow_inf_nan=False)]
Origin = Annotated[str, AfterValidator(_origin)]
Network = Annotated[str, AfterValidator(_network)]
Moment = Annotated[str, AfterValidator(_moment)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
ApiKey = Annotated[SecretStr, Field(min_length=1)]
CookieName = Annotated[str, AfterValidator(_cookie_name)]
ChannelRegex = Annotated[str, AfterValidator(_channel_regex)]
OptionalPath = Annotated[Path | None, BeforeValidator(_empty_is_none)]
