from __future__ import annotations

import pytest

from holdfast import wiring_logs


async def test_left_out_lines_are_reported_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every few seconds, for as long as the instance runs."""
    reports, pauses = [], []
    monkeypatch.setattr(wiring_logs, "report_left_out", lambda: reports.append(1))

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) > 3:
            raise EOFError

    with pytest.raises(EOFError):
        await wiring_logs.report_left_out_forever(sleep)

    assert len(reports) == 3
    assert set(pauses) == {wiring_logs.REPORT_SECONDS}
