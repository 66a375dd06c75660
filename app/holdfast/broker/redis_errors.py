"""What Redis and the way to it answer instead of a result, as causes with a slug."""

from __future__ import annotations

from redis.exceptions import AuthenticationError, InvalidResponse, NoPermissionError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from holdfast.errors import BrokerError

# By the first word of an error reply. Redis checks these before it runs a command or a script, and our scripts touch
# each key that may be of another type before they change anything: nothing has happened.
_SLUGS = {
    "NOAUTH": "broker_auth_failed",
    "WRONGPASS": "broker_auth_failed",
    "NOPERM": "broker_permission_denied",
    "READONLY": "broker_read_only",
    "MISCONF": "broker_read_only",
    "MASTERDOWN": "broker_read_only",
    "OOM": "broker_out_of_memory",
    "LOADING": "broker_loading",
    "CLUSTERDOWN": "broker_cluster_down",
    "TRYAGAIN": "broker_cluster_down",
    "MOVED": "broker_cluster_down",
    "ASK": "broker_cluster_down",
    "CROSSSLOT": "broker_cluster_down",
    "WRONGTYPE": "broker_foreign_key",
    "NOREPLICAS": "durability_not_met",
    "BUSY": "broker_timeout",
    "NOSCRIPT": "broker_unavailable",
}
# By what stands in the text of an `ERR`, in small letters.
_TEXTS = {
    "acl failure": "broker_permission_denied",
    "user executing the script": "broker_permission_denied",
    "without any password": "broker_auth_failed",
    "invalid password": "broker_auth_failed",
    "unknown command": "broker_version",
    "cluster support disabled": "broker_cluster_down",
    "max number of clients": "broker_unavailable",
    "db index": "broker_unavailable",
    "select is not allowed": "broker_unavailable",
    "not a holdfast key": "broker_foreign_key",
}


def broker_error(error: BaseException, *, is_undone: bool = False) -> BrokerError:
    """Return the cause that an exception of redis-py or of the network stands for.

    `is_undone` says that nothing had been sent; an answer of Redis mostly says so by itself.
    """
    if isinstance(error, BrokerError):
        return error
    if isinstance(error, TimeoutError | RedisTimeoutError):
        return BrokerError("broker_timeout", "Redis did not answer in time", is_undone=is_undone)
    text = _text_of(error)
    code = text.partition(" ")[0]
    slug = _SLUGS.get(code)
    if slug is None and isinstance(error, RedisError):
        slug = next((slug for part, slug in _TEXTS.items() if part in text.lower()), None)
    if slug is not None:
        # A right may be missed by a later step of a script than one that had effect.
        is_half_done = slug == "broker_permission_denied" and "script" in text
        return BrokerError(slug, text, is_undone=not is_half_done)
    if isinstance(error, AuthenticationError):
        return BrokerError("broker_auth_failed", text, is_undone=True)
    if isinstance(error, NoPermissionError):
        return BrokerError("broker_permission_denied", text, is_undone=True)
    if isinstance(error, InvalidResponse):
        return BrokerError("broker_version", "expected Redis' protocol, got something else", is_undone=is_undone)
    if code == "UNBLOCKED":  # a WAIT whose server became a replica: the publication was made before it
        return BrokerError("durability_not_met", text)
    if isinstance(error, ResponseError):
        return BrokerError("broker_unavailable", text)  # inside a script perhaps, after some of its steps
    if isinstance(error, RedisConnectionError | OSError):
        return BrokerError("broker_unavailable", text, is_undone=is_undone)
    return BrokerError("broker_unavailable", f"{type(error).__name__}: {text}", is_undone=is_undone)


def _text_of(error: BaseException) -> str:
    """Return the reply as Redis sent it; redis-py cuts off the word it knows."""
    code = getattr(error, "status_code", None)
    text = str(error) or type(error).__name__
    return f"{code} {text}" if code else text
