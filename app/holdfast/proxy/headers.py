"""Which headers of a client a call carries."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from holdfast.settings_proxies import Proxy

Headers = list[tuple[bytes, bytes]]

# What a header may be made of (RFC 9110, 5.5 and 5.6.2): a client writes its emulated ones as it likes. Beyond ASCII
# they are written as UTF-8, as Centrifugo does.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff]*")
# Written by the gateway from what it found out itself, so that no client chooses its own address.
_ADDRESS = (b"x-real-ip", b"x-forwarded-for")


@dataclass(frozen=True, slots=True)
class ClientHeaders:
    """What a client brought: its handshake's headers, those of its connect command, and its address."""

    handshake: tuple[tuple[bytes, bytes], ...] = ()
    emulated: tuple[tuple[bytes, bytes], ...] = ()
    address: str = ""


NOBODY = ClientHeaders()


class HeaderRules:
    """The allow-lists of one proxy, or of several together."""

    def __init__(self, *proxies: Proxy) -> None:
        self._handshake = {_lower(name) for proxy in proxies for name in proxy.http_headers}
        self._emulated = {_lower(name) for proxy in proxies for name in proxy.emulated_headers}
        self._static: Headers = [pair for proxy in proxies for pair in _static(proxy)]
        self._static_names = {name for name, _ in self._static}

    def __bool__(self) -> bool:
        """Tell whether anything of a client is forwarded."""
        return bool(self._handshake or self._emulated)

    def takes(self, name: bytes) -> bool:
        """Tell whether a header of the handshake is forwarded."""
        return name in self._handshake

    def pick(
        self, handshake: Iterable[tuple[bytes, bytes]], emulated: Mapping[str, str], address: str
    ) -> ClientHeaders:
        """Return what is allowed of a client's headers; emulated ones that are no headers are left out."""
        given = tuple((bytes(name), bytes(value)) for name, value in handshake if name in self._handshake)
        written = tuple(
            (_lower(name), value.encode())
            for name, value in emulated.items()
            if _NAME.fullmatch(name) and _VALUE.fullmatch(value) and _lower(name) in self._emulated
        )
        return ClientHeaders(given, written, address)

    def build(self, client: ClientHeaders) -> Headers:
        """Return a call's headers: static ones win over the handshake's, those over emulated ones."""
        headers = list(self._static)
        taken = set(self._static_names)
        for name in _ADDRESS:
            if name in self._handshake and name not in taken:
                if client.address:
                    headers.append((name, client.address.encode("latin-1", "ignore")))
                taken.add(name)  # also where no address is known: the client's word is none
        given = [pair for pair in client.handshake if pair[0] in self._handshake and pair[0] not in taken]
        taken.update(name for name, _ in given)
        written = [pair for pair in client.emulated if pair[0] in self._emulated and pair[0] not in taken]
        return headers + given + written


def _lower(name: str) -> bytes:
    return name.lower().encode("latin-1")


def _static(proxy: Proxy) -> Headers:
    headers = [(_lower(name), text.get_secret_value().encode()) for name, text in proxy.http.static_headers.items()]
    parts = urlsplit(proxy.endpoint)
    if parts.username is not None and not any(name == b"authorization" for name, _ in headers):
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers.append((b"authorization", b"Basic " + base64.b64encode(pair.encode())))
    return headers
