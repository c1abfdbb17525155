"""Two runs side by side: which cells got faster or slower, respecting noise."""

from compare.regressions.comparison import Comparison, compare_runs
from compare.regressions.pairs import Verdicts, verdicts
from compare.regressions.runs import Run, read_run

__all__ = ["Comparison", "Run", "Verdicts", "compare_runs", "read_run", "verdicts"]
