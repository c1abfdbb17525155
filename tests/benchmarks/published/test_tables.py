"""The published tables: each can be made again, and ours are as good."""

from click.testing import CliRunner

from benchmarks.published.__main__ import published
from benchmarks.published.colours import FIGURES, banded, passes, pattern
from benchmarks.published.operations import ROSENBROCK, gradient_ratio, rosenbrock
from benchmarks.published.tables import TABLES
from benchmarks.published.times import CMPAD, own_ratios


def test_a_table_is_printed_with_its_source():
    found = CliRunner().invoke(published, ["baydin"])
    assert found.exit_code == 0
    for part in ("table 1", "What differs"):
        assert part in found.output


def test_ours_take_no_more_operations_than_published():
    assert gradient_ratio(rosenbrock, 100) <= ROSENBROCK[100]
    named = [row for row in TABLES["baydin"].rows() if row.what == "l4, shared"]
    assert named[0].ours <= named[0].published


def test_a_gradient_costs_less_than_the_bound():
    for row in TABLES["griewank"].rows():
        assert row.ours <= row.published


def test_passes_are_counted_and_give_the_matrix():
    assert passes(banded(50, 2)) == 3
    for rows, _ in FIGURES.values():
        assert passes(pattern(rows)) >= max(map(len, rows))


def test_ratios_of_times_are_of_both_engines():
    found = own_ratios(CMPAD[0])
    assert found.keys() == {"eager", "plan"}
    assert min(found.values()) > 0
