"""A run is followed on a terminal of 80 columns, and without any."""

import io

from rich.console import Console

from compare.engines import get_engine
from compare.problems import get_problem
from compare.run import display
from compare.run.display import Display


def row(engine, size, status="ok", run_s=1e-3):
    case = get_problem("mlp-width").case(size, 0)
    known = {"parameters": (size + 1) ** 2, "run_s": run_s, "ratio": 2.5}
    place = {"problem": "mlp-width", "label": case.label, "engine": engine, "status": status}
    return place | (known if status == "ok" else {"parameters": None, "run_s": None})


def follow(console):
    case, engine = get_problem("mlp-width").case(3200, 0), get_engine("graph-compiled")
    with Display(console, 4, 8.0, 5.0) as shown:
        for left in (4, 3, 2):
            shown.begins(case, engine, left)
        shown.ended(row("graph-compiled", 3200))
        shown.ended(row("expanded", 8))
        shown.ended(row("expanded", 3200, "timeout"))
        console.print(shown._shown())
        shown.does("verifying")


def test_without_a_terminal_there_are_lines(monkeypatch):
    monkeypatch.setattr(display, "_PAUSE_S", 0.0)
    stream = io.StringIO()
    follow(Console(file=stream, width=80))
    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("0:00 elapsed, 0:15 left, 1/4 cells  mlp-width 3200-3200-1 graph-c")
    assert any("3/4 cells" in line and "timeout" in line for line in lines)


def test_the_table_shows_how_far_each_engine_came():
    stream = io.StringIO()
    follow(Console(file=stream, width=80, force_terminal=True, color_system=None))
    shown = stream.getvalue()
    graph = next(line for line in shown.splitlines() if "graph-compiled  " in line)
    assert "10.2 million" in graph
    assert "2.5 ×" in graph
    expanded = next(line for line in shown.splitlines() if "expanded  " in line)
    assert " 81 " in expanded
    assert "timeout at" in expanded
