"""Two layers without a nonlinearity are one."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import sympy

from compare.studies.collapse import _vanishes, linear_layers_collapse


@pytest.mark.parametrize("widths", [(1, 1, 1), (2, 3, 2), (3, 1, 2), (2, 4, 1)])
def test_only_linear_layers_collapse(widths):
    shown = linear_layers_collapse(*widths)
    assert shown.linear_equal is True
    assert shown.sigmoid_equal is False
    assert shown.sigmoid_affine is False


def test_the_formulas_are_shown():
    shown = linear_layers_collapse()
    assert shown.linear_text.endswith("difference, expanded = 0")
    assert "sigmoid(" in shown.sigmoid_text
    assert not shown.sigmoid_text.endswith("difference, expanded = 0")
    for text in (shown.linear_latex, shown.sigmoid_latex):
        assert text.startswith(r"\begin{aligned}")
        assert "[" not in text
    assert r"f_1 - g_1 &= 0" in shown.linear_latex


def test_it_goes_into_json():
    shown = asdict(linear_layers_collapse())
    assert json.loads(json.dumps(shown)) == shown


def test_a_difference_is_decided():
    x, y = sympy.symbols("x y")
    assert _vanishes(np.array([(x + y) ** 2 - x**2 - 2 * x * y - y**2, sympy.Integer(0)]))
    assert not _vanishes(np.array([sympy.Integer(0), x + y]))
    with pytest.raises(ValueError, match="is not decided"):
        _vanishes(np.array([x - y]))


@pytest.mark.parametrize("width", [0, -1, 2.0, True, None])
def test_widths_are_positive_whole_numbers(width):
    with pytest.raises(ValueError, match=r"hidden is .* expected a whole number of at least 1"):
        linear_layers_collapse(hidden=width)
