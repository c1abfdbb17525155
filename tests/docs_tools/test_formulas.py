"""The page of formulas is that of the code, and what it shows runs."""

import re
from pathlib import Path

import numpy as np
import pytest

from docs_tools.formulas import MODELS, page

PAGE = Path(__file__).parents[2] / "docs" / "formulas.md"


def test_the_page_is_up_to_date():
    written = PAGE.read_text(encoding="utf-8")
    assert page() == written, "make it again: python -m docs_tools.formulas > docs/formulas.md"


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.title)
def test_the_source_of_the_page_runs_when_pasted(model, rng, differences):
    text = PAGE.read_text(encoding="utf-8")
    section = text.split(f"## {model.title}\n")[1].split("\n## ")[0]
    written, source = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert section.count("```math\n\\begin{aligned}") == 1
    function, namespace = {"np": np}, {}
    exec(written, function)
    exec(source, namespace)
    f = function[model.f.__name__]
    point = {name: rng.uniform(0.1, 0.9, size=shape) for name, shape in model.concrete.items()}
    if "S" in point:
        point["S"] = np.eye(len(point["S"])) + 0.1 * point["S"]
    value, found = namespace["value_and_gradient"](**point)
    assert value == pytest.approx(float(f(**point)), rel=1e-12)
    assert tuple(found) == model.wrt
    differences(f, found, point)


def test_there_are_ten_models_and_the_tables_hold_what_is_claimed():
    assert len(MODELS) == 10
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"\| `(shared|adjoint|matrix)` \| [^|]*\| [^|]* \| ([0-9.]+) \|", text)
    assert len(rows) >= 2 * len(MODELS)
    assert all(float(ratio) <= 5 for _, ratio in rows)
