"""How publications look on the wire to subscriptions that negotiated deltas.

Such a subscription gets whole data first, then deltas wherever they are shorter. In JSON its data, whole or delta, is
text in a JSON string; other codecs carry the bytes.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec
from msgspec import Raw

from holdfast.protocol.codec import Codec
from holdfast.protocol.fossil import create
from holdfast.protocol.messages import NONE, Publication

DELTA_TYPES = ("fossil",)
# About 20 ms of work at worst.
_CHAIN_BYTES = 131072
_SHORT_BYTES = 16384


class Delta:
    """What a publication changes of the data before; made once for all codecs."""

    __slots__ = ("is_text", "patch")

    def __init__(self, base: bytes, data: bytes) -> None:
        patch = create(base, data)
        self.patch = patch if len(patch) < len(data) else None
        # In a JSON string other bytes than UTF-8 change on their way, so those deltas would not fit.
        self.is_text = self.patch is not None and _is_text(base) and _is_text(patch)


def whole(publication: Publication, codec: Codec) -> Publication:
    """Return the publication with all of its data."""
    return _with(publication, bytes(publication.data), codec)


def changed(publication: Publication, delta: Delta, codec: Codec) -> Publication:
    """Return the publication with what it changes, or with all of its data where that is no gain."""
    if delta.patch is None or not (codec.binary or delta.is_text):
        return whole(publication, codec)
    wire = _with(publication, delta.patch, codec)
    wire.delta = True
    return wire


def chain(publications: list[Publication], codec: Codec) -> list[Publication]:
    """Return publications as one subscription gets them in a row: the first whole, each other as a change.

    What is too much to compare while everybody waits goes out whole.
    """
    wire: list[Publication] = []
    base, rest = b"", _CHAIN_BYTES
    for publication in publications:
        data = bytes(publication.data)
        rest -= len(data)
        if wire and rest >= 0:
            known = _known_short if len(base) + len(data) <= _SHORT_BYTES else _known_long
            wire.append(changed(publication, known(base, data), codec))
        else:
            wire.append(whole(publication, codec))
        base = data
    return wire


# After an outage many ask for the same publications of the same channels, and somebody may do so again and again.
# At most 32 MB and 16 MB, since a delta that is kept is shorter than its data.
_known_short = lru_cache(1024)(Delta)
_known_long = lru_cache(64)(Delta)


def _with(publication: Publication, data: bytes, codec: Codec) -> Publication:
    raw = data if codec.binary else msgspec.json.encode(data.decode(errors="replace"))
    return msgspec.structs.replace(publication, data=Raw(raw) if raw else NONE)


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
