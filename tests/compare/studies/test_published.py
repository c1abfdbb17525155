"""The published table of the logistic map, and ours."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import sympy

from compare.problems.logistic import logistic_map
from compare.studies.published import PUBLISHED, compare_with_published

# d l_n / dx with growth rate 4, lowest power first, from the same source.
COEFFICIENTS = {
    1: [1],
    2: [4, -8],
    3: [16, -160, 384, -256],
    4: [64, -2688, 32256, -168960, 450560, -638976, 458752, -131072],
}
X = sympy.Symbol("x")


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: f"l_{row.n}")
def test_the_table_is_copied_without_a_mistake(row):
    iterate, derivative, simplified = (
        sympy.sympify(text) for text in (row.iterate, row.derivative, row.simplified)
    )
    expected = sum(c * X**power for power, c in enumerate(COEFFICIENTS[row.n]))
    assert sympy.expand(derivative - expected) == 0
    assert sympy.expand(simplified - expected) == 0
    assert sympy.expand(sympy.diff(iterate, X) - expected) == 0
    numbers = logistic_map(0.3, np.full(row.n - 1, 4.0))
    assert float(iterate.subs(X, 0.3)) == pytest.approx(float(numbers), rel=1e-12)


def test_ours_are_the_same_polynomials_and_no_straw_men():
    rows = compare_with_published()
    assert [row.n for row in rows] == [1, 2, 3, 4]
    for row in rows:
        assert row.equal
        expected = sum(c * X**power for power, c in enumerate(COEFFICIENTS[row.n]))
        assert sympy.expand(sympy.sympify(row.ours) - expected) == 0
        assert row.named_operations <= row.ours_operations <= 1.2 * row.published_operations
    assert json.loads(json.dumps([asdict(row) for row in rows]))[3]["ours_operations"] == 64


def test_a_wrong_copy_would_be_seen(monkeypatch):
    from dataclasses import replace

    import compare.studies.published

    planted = (PUBLISHED[0], replace(PUBLISHED[1], derivative="4*(1 - x) + 4*x"))
    monkeypatch.setattr(compare.studies.published, "PUBLISHED", planted)
    assert [row.equal for row in compare_with_published()] == [True, False]
