"""Two runs side by side: which cells got faster or slower, respecting noise."""

from compare.regressions.runs import Comparison, Run, Verdicts, compare_runs, read_run, verdicts

__all__ = ["Comparison", "Run", "Verdicts", "compare_runs", "read_run", "verdicts"]
