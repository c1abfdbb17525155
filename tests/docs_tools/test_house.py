from pathlib import Path

import pytest

from docs_tools.house import circles, report

ROOT = Path(__file__).parents[2]


def test_the_house_is_in_order():
    lines, wrong = report(ROOT)
    assert wrong == [], "\n".join(lines)


PLANTED = {
    "a deferred circle": (
        {"a.py": "def f():\n    from p.b import g\n", "b.py": "import p.a\n"},
        "p: a circle of imports: p.a, p.b",
    ),
    "a circle through a package": (
        {"r/__init__.py": "from p import s\n", "s.py": "from .r import x\n"},
        "p: a circle of imports: p.r, p.s",
    ),
    "a circle for type checkers": (
        {
            "a.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p import b\n",
            "b.py": "from p import a\n",
        },
        "p: a circle of imports: p.a, p.b",
    ),
    "loose modules": (
        {f"m{i}.py": "" for i in range(9)},
        "p: 9 loose modules, at most 8",
    ),
    "a long file": ({"r/long.py": "x = 1\n" * 600}, "p/r/long.py: 600 lines, at most 599"),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_fault_is_found(tmp_path, planted):
    files, expected = PLANTED[planted]
    for name, text in {"__init__.py": "", **files}.items():
        file = tmp_path / "p" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert report(tmp_path, ("p",))[1] == [expected]


def test_circles_are_groups_that_reach_each_other():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a", "e"}, "e": {"d"}, "f": {"a"}}
    assert circles(graph) == [["a", "b", "c"], ["d", "e"]]
