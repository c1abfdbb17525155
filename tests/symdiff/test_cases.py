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
from symdiff.tracing.distributions import DISTRIBUTIONS
from symdiff.tracing.scipy_functions import STAND_INS


def _beside(name):
    """Return the module of a file beside this one."""
    path = Path(__file__).parent / name
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


cases, problems = _beside("cases.py"), _beside("matrix/problems.py")

#: Operations that only adjoints are made of, held against numbers in matrix/test_hessian.py.
_OF_ADJOINTS = {"cumprod_vjp", "expm_frechet", "others", "reciprocal", "scaled_rows", "scatter"}
_OF_ADJOINTS |= {"tied", "ties"}
#: Held against numbers in test_points.py, and those with functions of their own in test_idioms.py.
_APART = {"scipy.linalg.expm", *DISTRIBUTIONS}
#: Held against numbers in formulas/test_writing.py; and those whose rule is a refusal.
_ELSEWHERE = {"put", "svd_u", "svd_vt"}


def _differentiated(g):
    """Return the operations whose adjoint rule a gradient needs."""
    nodes = reachable([g._value])
    active = depends(nodes, g._inputs.values())
    return {node.op for node in nodes if node.index in active}


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
            if callable(function) and key not in _APART:

                def noted(*args, _key=key, _function=function, **kwargs):
                    recorded["functions"].add(_key)
                    return _function(*args, **kwargs)

                monkeypatch.setitem(table, key, noted)
    for strategy in ("matrix", "shared"):
        assert not _wrong(strategy, recorded)
    known = {*COMPOSED, *STAND_INS} - _APART
    assert known - recorded["functions"] == set()
    for problem in problems.PROBLEMS.values():  # whose numbers matrix/test_gradient.py has
        for shapes in (problem.shapes, problems.concrete(problem.shapes, problems.LENGTHS)):
            g = gradient(problem.function, wrt=problem.wrt, strategy="matrix", inputs=shapes)
            recorded["rules"] |= _differentiated(g)
    with_rule = {op for op, rule in RULES.items() if rule.adjoint is not None}
    assert with_rule - recorded["rules"] <= _OF_ADJOINTS | _ELSEWHERE


def _wrong(strategy, recorded):
    """Return the cases that a strategy has wrong; note the rules that it takes."""
    rng = np.random.default_rng(0)
    wrong = []
    for name, (f, shapes) in cases.CASES.items():
        point = _points(shapes, rng)
        if name in (cases.ENTRIES if strategy == "matrix" else cases.WHOLE):
            with pytest.raises(Untraceable, match=r"closed form.*'matrix'|np\.minimum\.accumulate"):
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
            recorded["rules"] |= _differentiated(g)
    return wrong
