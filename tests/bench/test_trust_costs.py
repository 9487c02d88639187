"""The bench of what trust costs really does each act that it times."""

from pathlib import Path

import pytest

from bench.trust_costs import COSTS, measured

pytestmark = pytest.mark.trust


def test_every_cost_is_measured(tmp_path: Path) -> None:
    rows = measured(tmp_path, times=3)
    assert set(rows) == set(COSTS)
    assert all(0 < row["p50_ms"] <= row["p99_ms"] for row in rows.values())
