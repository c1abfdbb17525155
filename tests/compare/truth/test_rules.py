"""Every rule of autodiff against 50 digits, wherever NumPy's function computes with them."""

import numpy as np
import pytest

import autodiff
from autodiff.core.primitive import PRIMITIVES, UFUNCS
from compare.truth import NoTruth, true_gradient, ulp_errors

#: Largest error of a rule in ULPs; that of tanh says in the table which digits it trades for speed.
_MOST_ULPS = {"tanh": 64.0}
#: Rules of functions that have no truth: LAPACK, the transforms, and what stores in float64.
_LEAST_KNOWN = 40

#: Of NumPy's own functions: those of scipy.special are in the table once it is imported, and have
#: no 50 digits.
_NUMPYS = {u: p for u, p in UFUNCS.items() if getattr(np, u.__name__, None) is u}
ELEMENTWISE = sorted(
    {u.__name__: p for u, p in _NUMPYS.items() if getattr(p, "domain", ())}.items()
)
#: Rules of SciPy's functions are there only when somebody has used them; they have their own tests.
OTHERS = [
    p
    for p in list(PRIMITIVES.values())
    if p.examples and p.differentiable and not p.name.startswith(("scipy.", "sparse"))
]


@pytest.mark.each(("name", "primitive"), ELEMENTWISE)
def test_a_partial_derivative_is_exact_to_few_ulps(name, primitive, rng):
    ufunc = getattr(np, name)
    inputs = {f"x{i}": rng.uniform(*d, size=12) for i, d in enumerate(primitive.domain)}

    def f(**arguments):
        return np.sum(ufunc(*arguments.values()))

    truth = true_gradient(f, inputs)
    value, gradients = autodiff.trace(f, **inputs).value_and_gradient(**inputs)
    errors = ulp_errors(value, gradients, truth, inputs)
    assert errors.entries == 12 * len(inputs)
    assert errors.largest <= _MOST_ULPS.get(name, 4.0), errors


def test_rules_of_whole_arrays_are_exact_too():
    known, refused = [], []
    for primitive in OTHERS:
        for shapes, params in primitive.examples[:2]:
            rng = np.random.default_rng(3)
            draw = primitive.draw or (lambda rng, *s: [rng.standard_normal(each) for each in s])
            inputs = {f"x{i}": x for i, x in enumerate(draw(rng, *shapes))}
            if not all(np.asarray(x).dtype == float for x in inputs.values()):
                continue

            def f(primitive=primitive, params=params, **arguments):
                return np.sum(np.sin(primitive.function(*arguments.values(), **params)))

            try:
                truth = true_gradient(lambda f=f, **x: f(**x), inputs)
            except NoTruth:
                refused.append(primitive.name)
                continue
            graph = autodiff.trace(lambda f=f, **x: f(**x), **inputs)
            errors = ulp_errors(*graph.value_and_gradient(**inputs), truth, inputs)
            known.append(primitive.name)
            assert not errors.of_largest >= 32, (primitive.name, shapes, params, errors)
    assert len(set(known)) >= _LEAST_KNOWN, sorted(set(refused))
