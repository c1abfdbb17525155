import dataclasses
import importlib.util
from pathlib import Path

import numpy as np
import pytest
import scipy.special

from symdiff import Untraceable
from symdiff.matrix import RULES, matrix_gradient
from symdiff.matrix.construct import multiply, transpose
from symdiff.matrix.node import depends, reachable
from symdiff.matrix.size import FLOPS

_spec = importlib.util.spec_from_file_location("problems", Path(__file__).parent / "problems.py")
problems = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(problems)


def test_every_rule_is_complete():
    for op, rule in RULES.items():
        assert rule.op == op
        assert rule.cited
        assert rule.flops in FLOPS


def _differentiated():
    """Return the operations whose adjoint rule a problem needs, by the problems that do."""
    found = {}
    for name, problem in problems.PROBLEMS.items():
        for shapes in (problem.shapes, problems.concrete(problem.shapes, problems.LENGTHS)):
            g = matrix_gradient(problem.function, wrt=problem.wrt, inputs=shapes)
            nodes = reachable([g._value])
            active = depends(nodes, g._inputs.values())
            for node in nodes:
                if node.index in active and node.op != "input":
                    found.setdefault(node.op, []).append(name)
    return found


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(np.exp(np.broadcast_to(x, (2, 3))) * np.arange(6.0).reshape(2, 3)),
        lambda x: np.sum(np.outer(x, np.sin(x)) ** 3),
        lambda x: np.sum((np.exp(x) / np.sum(np.exp(x))) * np.arange(3.0)),
        lambda x: np.sum(np.diagonal(np.outer(x, x)) ** 2),
        lambda x: np.sum(np.linalg.solve(np.diag(x**2 + 1), np.outer(x, x))),
        lambda x: np.sum(np.linalg.inv(np.diag(x**2 + 1) + np.outer(x, np.sin(x)))),
        lambda x: np.sum(np.logical_not(x > 0) * x) + np.sum(((x > 0) & (x < 9)) * x**2),
        lambda x: np.sum(np.where((x >= 0) | (x <= -1), x, 2 * x) + (x == x) * x + (x != 0) * x),
    ],
)
def test_rules_that_problems_need_rarely(f, rng, error, precise):
    point = {"x": rng.normal(size=3)}
    found = matrix_gradient(f, x=(3,))(**point)["x"]
    assert error(found, precise(f, point, "x")) < 1e-9


def test_the_error_function(rng):
    x, w = rng.normal(size=(4, 3)), rng.normal(size=(3, 2))
    g = matrix_gradient(lambda x, w: np.sum(scipy.special.erf(x @ w)), x=("N", "d"), w=("d", "k"))
    value, found = g.value_and_gradient(x=x, w=w)
    slope = 2 / np.sqrt(np.pi) * np.exp(-((x @ w) ** 2))
    assert value == pytest.approx(np.sum(scipy.special.erf(x @ w)), rel=1e-13)
    np.testing.assert_allclose(found["w"], x.T @ slope, rtol=1e-12, atol=1e-14)
    assert "import numpy as np\nimport scipy.special\n" in g.source
    assert r"\operatorname{erf}\left(" in g.latex()
    assert "Lambda(x, erf(x))" in str(g.value)
    with pytest.raises(Untraceable, match=r"scipy\.special\.ellipk.*functions\.md"):
        matrix_gradient(lambda x: np.sum(scipy.special.ellipk(x)), x=("N",))


WRONG = {
    "matmul": lambda node, bar: (None, None),
    "sigmoid": lambda node, bar: [multiply(bar, node)],
    "tanh": lambda node, bar: [bar],
    "logdet": lambda node, bar: [multiply(bar, node.args[0])],
    "inv": lambda node, bar: [transpose(bar)],
    "logsumexp": lambda node, bar: [node.args[0]],
    "sumsquares": lambda node, bar: [multiply(bar, node.args[0])],
    "square": lambda node, bar: [multiply(bar, node.args[0])],
}


@pytest.mark.parametrize("op", WRONG)
def test_a_wrong_rule_is_caught(op, monkeypatch, error, precise):
    """The check that every problem passes must fail for a rule that is wrong on purpose."""
    problem_of = _differentiated()[op][0]
    problem = problems.PROBLEMS[problem_of]
    point = problems.point_of(problem, problems.SQUARE, np.random.default_rng(11))

    def worst():
        g = matrix_gradient(problem.function, wrt=problem.wrt, inputs=problem.shapes)
        return max(
            error(entry, precise(problem.function, point, key)) for key, entry in g(**point).items()
        )

    assert worst() < 1e-9
    monkeypatch.setitem(RULES, op, dataclasses.replace(RULES[op], adjoint=WRONG[op]))
    assert worst() > 1e-3
