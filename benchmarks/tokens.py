"""Connection tokens (HS256) for the load client, made with the standard library alone."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time

SECRET = "a-secret-that-only-benchmarks-use"
_HEADER = b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"


def _segment(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def connection_token(user: str) -> str:
    """Return a token of one hour for `user`."""
    now = int(time.time())
    claims = json.dumps({"sub": user, "iat": now, "exp": now + 3600}, separators=(",", ":"))
    signed = _HEADER + b"." + _segment(claims.encode())
    return (signed + b"." + _segment(hmac.digest(SECRET.encode(), signed, hashlib.sha256))).decode()
