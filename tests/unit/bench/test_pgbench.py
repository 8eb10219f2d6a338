"""The window that is cut out of pgbench's log."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.pgbench import BrokenLog, command, percentile, read_window

LOG = """\
0 1 900 0 100 999000
1 1 800 0 100 999500
0 2 150 0 101 0
1 2 250 0 101 500000
0 3 350 0 101 999999
1 3 999 0 102 0
""".splitlines()


def test_window_is_half_open_and_sorted() -> None:
    window = read_window(LOG, 101_000_000, 102_000_000)
    assert window.latencies_us == (150, 250, 350)
    assert (window.clients, window.clients_before) == (2, 2)
    assert (window.percentile_us(0.5), window.percentile_us(0.99)) == (250.0, 350.0)


def test_nobody_was_warm() -> None:
    window = read_window(LOG, 0, 102_000_000)
    assert (window.transactions, window.clients_before) == (5, 0)


@pytest.mark.parametrize("line", ["0 1 failed 0 100 5", "0 1", "progress: 1.0 s"])
def test_what_is_no_transaction_is_not_counted_as_one(line: str) -> None:
    with pytest.raises(BrokenLog):
        read_window([*LOG, line], 0, 1)


def test_percentiles_are_values_that_occurred() -> None:
    values = list(range(1, 101))
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1.0)) == (50.0, 99.0, 100.0)
    assert percentile([7], 0.5) == 7.0
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_command() -> None:
    made = command(
        Path("pgbench"), 5, script="select-only", protocol="prepared", clients=8, reconnect=True, log_prefix=Path("x")
    )
    assert made[made.index("-M") + 1] == "prepared"
    assert made[made.index("-c") + 1] == "8"
    assert made[-1] == "-C"
    assert "-n" in made, "pgbench must not vacuum through a proxy"
