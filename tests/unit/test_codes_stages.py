from __future__ import annotations

import pytest

from holdfast.codes import CODES
from holdfast.codes_stages import STAGES, exit_code, stage_of


@pytest.mark.parametrize("slug", CODES)
def test_every_cause_has_a_stage(slug: str) -> None:
    """Whatever goes wrong can be placed on the way."""
    assert stage_of(slug) in STAGES


@pytest.mark.parametrize(
    ("slug", "stage"),
    [
        ("dns_not_found", "dns"),
        ("tcp_refused", "tcp"),
        ("tls_expired", "tls"),
        ("bad_handshake", "upgrade"),
        ("overload_memory", "admission"),
        ("origin_not_allowed", "origin"),
        ("token_expired", "token"),
        ("handshake_timeout", "connect"),
        ("subscription_token_missing", "subscribe"),
        ("proxy_idle_cut", "idle"),
        ("login_required", "token"),
    ],
)
def test_stage_is_where_a_client_meets_the_cause(slug: str, stage: str) -> None:
    """One example of each."""
    assert stage_of(slug) == stage


def test_exit_codes_count_from_ten() -> None:
    """Each stage has its own."""
    assert [exit_code(stage) for stage in STAGES] == list(range(10, 10 + len(STAGES)))
