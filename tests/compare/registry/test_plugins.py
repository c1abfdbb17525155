"""Plug-ins of installed packages, whichever is imported first."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PLUGIN = """
import dataclasses

import compare
from compare import PROBLEMS, Case, Engine, Prepared, Problem, get_engine

assert "graph" in compare.ENGINES  # what is there so far


def prepare(case: Case) -> Prepared:
    return get_engine("graph").prepare(case)


ENGINE = Engine("mine", "a plug-in", ("autodiff",), prepare)
PROBLEM = dataclasses.replace(compare.get_problem("circuit"), name="my-circuit", usual_sizes=None)
"""


@pytest.mark.parametrize("first", ["plugged.parts", "compare"])
def test_a_plugin_works_whichever_is_imported_first(first, tmp_path):
    (tmp_path / "plugged").mkdir()
    (tmp_path / "plugged" / "__init__.py").write_text("from plugged.parts import ENGINE\n")
    (tmp_path / "plugged" / "parts.py").write_text(PLUGIN)
    metadata = tmp_path / "plugged-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Name: plugged\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(
        "[gradscale.engines]\nmine = plugged.parts:ENGINE\nbroken = plugged.parts:absent\n"
        "[gradscale.problems]\nmy-circuit = plugged.parts:PROBLEM\n"
    )
    program = (
        f"import {first}, compare, warnings\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        "    assert compare.ENGINES.plugins == ('mine',)\n"
        "assert 'broken' in str(caught[0].message), caught\n"
        "assert len(caught) == 1\n"
        "assert compare.PROBLEMS.plugins == ('my-circuit',)\n"
        "from compare.cli.options import Choice\n"
        "choice = Choice([], [], '', '', False, [], False, 0, 1)\n"
        "assert [e.name for e in choice.engines(['shared'])] == ['shared', 'mine']\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
