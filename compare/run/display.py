"""The display of a run while it runs: results as they come, and the time left."""

import math
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from compare.engines.engine import Engine
from compare.problems.problem import Case
from compare.report.format import count_text, ratio_text, seconds_text

__all__ = ["Display", "clock_text"]

#: Time between two lines where there is no terminal, in s.
_PAUSE_S = 5.0
#: Cells after which their own pace tells more than the estimate.
_ENOUGH = 5
#: Columns of a terminal that has room for all that is known of an engine.
_WIDE = 70


def clock_text(seconds: float) -> str:
    """Return a duration in minutes and seconds.

    Examples
    --------
    >>> clock_text(83.4), clock_text(4000)
    ('1:23', '1:06:40')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Display:
    """The results so far and the time left: a live table, or lines where there is no terminal.

    Parameters
    ----------
    console : Console
        Where it is shown.
    cells : int
        Cells of the whole run.
    cells_s, rest_s : float
        About how long the cells take, and the rest of the run, in s.
    """

    def __init__(self, console: Console, cells: int, cells_s: float, rest_s: float) -> None:
        self._console = console
        self._begun, self._cells, self._each_s = 0, cells, cells_s / max(cells, 1)
        self._rest_s, self._start_s, self._last_line_s = rest_s, time.monotonic(), 0.0
        #: Time that was spent on cells, and since when one is under way, in s.
        self._spent_s, self._since_s = 0.0, 0.0
        self._text = "starting"
        #: Of each engine the largest cell that ended as ok, and how it ended.
        self._best: dict[str, Mapping[str, Any]] = {}
        self._stopped: dict[str, str] = {}
        self._live = Live(
            get_renderable=self._shown, console=console, refresh_per_second=2, transient=True
        )

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def does(self, text: str) -> None:
        """Show what is done now, with no cell under way."""
        self._pass()
        self._say(text)

    def begins(self, case: Case, engine: Engine, left: int) -> None:
        """Show the cell that is prepared now, and how many are left with it."""
        self._pass()
        self._since_s = time.monotonic()
        self._cells, self._begun = self._begun + left, self._begun + 1
        self._say(f"{case.problem.name} {case.label} {engine.name}")

    def ended(self, row: Mapping[str, Any]) -> None:
        """Show the result of a cell."""
        engine, how = str(row["engine"]), str(row["status"])
        if how != "ok":
            self._stopped[engine] = f"{how} at {row['problem']} {row['label']}"
        else:
            if (row["parameters"] or 0) >= (self._best.get(engine, row)["parameters"] or 0):
                self._best[engine] = row
            how = f"{seconds_text(row['run_s'])}, {ratio_text(row.get('ratio'))} the loss"
        self._say(f"{row['problem']} {row['label']} {engine}: {how}")

    def _pass(self) -> None:
        """Count the time of the cell that was under way."""
        if self._since_s:
            self._spent_s, self._since_s = self._spent_s + time.monotonic() - self._since_s, 0.0

    def _say(self, text: str) -> None:
        self._text, now = text, time.monotonic()
        if not self._console.is_terminal and now - self._last_line_s >= _PAUSE_S:
            self._last_line_s = now
            line = Text(f"{self._clocks()}  {text}")
            self._console.print(line, no_wrap=True, overflow="ellipsis")

    def _clocks(self) -> str:
        """Return the time that has passed, the time left and the count of cells."""
        each_s = self._spent_s / self._begun if self._begun > _ENOUGH else self._each_s
        passed_s, cell_s = time.monotonic() - self._start_s, 0.0
        if self._since_s:
            cell_s = time.monotonic() - self._since_s
        rest_s = max(0.0, self._rest_s - (passed_s - self._spent_s - cell_s))
        left_s = 5 * math.ceil((each_s * (self._cells - self._begun) + rest_s) / 5)
        passed = clock_text(passed_s)
        return f"{passed} elapsed, {clock_text(left_s)} left, {self._begun}/{self._cells} cells"

    def _shown(self) -> Group:
        """Return the table and the line below it."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
        table.add_column("engine", no_wrap=True, min_width=14, max_width=18)
        names = ("largest so far", "one gradient", "ratio to loss")
        wide = self._console.width >= _WIDE
        for name in names if wide else names[:2]:
            table.add_column(name, justify="right", no_wrap=True, min_width=len(name))
        table.add_column("ended by", overflow="ellipsis", no_wrap=True, max_width=30)
        for engine in dict.fromkeys([*self._best, *self._stopped]):
            best = self._best.get(engine, {})
            texts = ("none", "", "")
            if best:
                largest = count_text(best["parameters"])
                texts = (largest, seconds_text(best["run_s"]), ratio_text(best.get("ratio")))
            row = (engine, *(texts if wide else texts[:2]), self._stopped.get(engine, ""))
            table.add_row(*(Text(text) for text in row))
        lines: list[Any] = [table] if table.row_count else []
        for text in (self._clocks(), self._text):
            lines.append(Text(text, style="dim", no_wrap=True, overflow="ellipsis"))
        return Group(*lines)
