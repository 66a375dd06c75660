from __future__ import annotations

from holdfast.connections import client_id


def test_client_id_tells_when_it_was_made() -> None:
    """To the millisecond, at any time that clocks show."""
    for now in (0.0, 1_700_000_000.123, 99_999_999_999.0):
        made = client_id.make(now)
        assert len(made) == 32
        assert abs(client_id.connected_at(made) - now) <= 0.001


def test_client_ids_are_unlike_and_sort_by_age() -> None:
    """Ids of one moment differ; those of a later one come later."""
    same = {client_id.make(5.0) for _ in range(1000)}

    assert len(same) == 1000
    assert max(same) < client_id.make(5.001)
