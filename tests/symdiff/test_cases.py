"""Every function that people write, in both kinds of strategy, against NumPy and differences."""

import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pytest

from symdiff import Untraceable, gradient
from symdiff.matrix.node import depends, reachable
from symdiff.matrix.table import RULES
from symdiff.tracing.composed import COMPOSED
from symdiff.tracing.scipy_functions import STAND_INS

_spec = importlib.util.spec_from_file_location("cases", Path(__file__).parent / "cases.py")
cases = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(cases)

#: Rules without a case here: those that problems of tests/symdiff/matrix need, and of derivatives.
_ELSEWHERE = {
    "scatter",
    "put",
    "step",
    "others",
    "cumprod_vjp",
    "tied",
    "expm_frechet",
    "reciprocal",
}
_ELSEWHERE |= {"logsumexp", "softmax", "softplus", "svd_u", "svd_vt", "relu", "triu", "inner"}
_ELSEWHERE |= {
    "cbrt",
    "arcsin",
    "arccos",
    "arctan",
    "arcsinh",
    "arccosh",
    "arctanh",
    "tan",
    "expm1",
}
_ELSEWHERE |= {
    "logaddexp",
    "cosh",
    "sinh",
    "cos",
    "zeta",
    "scaled_rows",
    "signdet",
    "logabsdet",
    "min",
    "minimum",
}


def _points(shapes, rng):
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def _differences(f, point):
    """Return central differences, good to seven digits."""
    found = {}
    for name, base in point.items():
        found[name] = np.zeros(base.shape)
        for index in np.ndindex(base.shape):
            ends = []
            for step in (1e-6, -1e-6):
                moved = base.copy()
                moved[index] += step
                ends.append(float(f(**{**point, name: moved})))
            found[name][index] = (ends[0] - ends[1]) / 2e-6
    return found


def test_values_and_gradients_of_every_function_and_rule(monkeypatch):
    recorded = {"functions": set(), "rules": set()}
    for table in (COMPOSED, STAND_INS):
        for key, function in list(table.items()):
            if callable(function) and key != "scipy.linalg.expm":

                def noted(*args, _key=key, _function=function, **kwargs):
                    recorded["functions"].add(_key)
                    return _function(*args, **kwargs)

                monkeypatch.setitem(table, key, noted)
    for strategy in ("matrix", "shared"):
        assert not _wrong(strategy, recorded)
    known = {*COMPOSED, *STAND_INS} - {"scipy.linalg.expm", "scipy.stats.norm"}
    assert known - recorded["functions"] == set()
    with_rule = {op for op, rule in RULES.items() if rule.adjoint is not None}
    assert with_rule - recorded["rules"] <= _ELSEWHERE


def _wrong(strategy, recorded):
    """Return the cases that a strategy has wrong; note the rules that it takes."""
    rng = np.random.default_rng(0)
    wrong = []
    for name, (f, shapes) in cases.CASES.items():
        point = _points(shapes, rng)
        if name in (cases.ENTRIES if strategy == "matrix" else cases.WHOLE):
            with pytest.raises(Untraceable, match=r"functions\.md|np\.minimum\.accumulate"):
                gradient(f, strategy=strategy, inputs=shapes)
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            g = gradient(f, strategy=strategy, inputs=shapes)
            value, found = g.value_and_gradient(**point)
        assert g.latex()
        expected = _differences(f, point)
        right = np.isclose(value, float(f(**point)), rtol=1e-9)
        right &= all(np.allclose(found[k], expected[k], rtol=1e-5, atol=1e-6) for k in shapes)
        wrong += [] if right else [name]
        if strategy == "matrix":
            nodes = reachable([g._value])
            active = depends(nodes, g._inputs.values())
            recorded["rules"] |= {node.op for node in nodes if node.index in active}
    return wrong
