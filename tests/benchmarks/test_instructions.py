from __future__ import annotations

import pytest

from benchmarks.instructions import STANDS_FOR, scaled


def test_scaled_separates_what_is_fixed() -> None:
    """A publication that costs 1,000 by itself and 20 for each connection is known from any two numbers of them."""
    at = {size: 1_000.0 + 20 * size for size in (50, 100, 500, 1_500)}

    for small, large in ((50, 100), (500, 1_500)):
        share = scaled((small, large), (at[small], at[large]), STANDS_FOR)

        assert share == pytest.approx(20 + 1_000 / STANDS_FOR)
