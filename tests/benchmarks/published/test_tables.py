"""The published tables: each can be made again, and ours are as good."""

from click.testing import CliRunner

from benchmarks.published.__main__ import published
from benchmarks.published.operations import ROSENBROCK, gradient_ratio, rosenbrock
from benchmarks.published.tables import TABLES


def test_a_table_is_printed_with_its_source():
    found = CliRunner().invoke(published, ["baydin"])
    assert found.exit_code == 0
    for part in ("table 1", "What differs"):
        assert part in found.output


def test_ours_take_no_more_operations_than_published():
    assert gradient_ratio(rosenbrock, 100) <= ROSENBROCK[100]
    named = [row for row in TABLES["baydin"].rows() if row.what == "l4, shared"]
    assert named[0].ours <= named[0].published
