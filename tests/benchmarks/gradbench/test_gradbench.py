"""Each eval against its definition, written a second time and differentiated by differences."""

import io
import json

import numpy as np
import pytest
from scipy.special import logsumexp, softmax

from benchmarks.gradbench.engines import ENGINES
from benchmarks.gradbench.evals import EVALS
from benchmarks.gradbench.evals.nested import minimum, missed
from benchmarks.gradbench.protocol import answered, serve
from tests.benchmarks.gradbench import references as true

INPUTS = true.inputs()


def flat(message, *names):
    return np.concatenate([np.ravel(message[name]) for name in names])


def _mixture():
    m = INPUTS["gmm"]
    x = flat(m, "alpha", "mu", "q", "l")
    return true.mixture(x, m), true.differences(lambda v: true.mixture(v, m), x)


def _determinant():
    a = np.reshape(INPUTS["det"]["A"], (5, 5))
    return true.determinant(a), true.determinant(a) * np.linalg.inv(a).T


def _solution():
    x, s = np.array(INPUTS["ode"]["x"]), INPUTS["ode"]["s"]
    return true.solution(x, s), true.solution(x, s)[-1] / x  # linear in each


def _least_squares():
    x, n = INPUTS["llsq"]["x"], INPUTS["llsq"]["n"]
    return true.least_squares(x, n), true.differences(lambda v: true.least_squares(v, n), x)


def _clusters():
    points, centroids = (np.array(INPUTS["kmeans"][name]) for name in ("points", "centroids"))
    squares = [[np.sum((p - c) ** 2) for c in centroids] for p in points]
    nearest = np.argmin(squares, axis=1)
    means = [points[nearest == i].mean(0) for i in range(len(centroids))]
    return np.min(squares, axis=1).sum(), centroids - means


def _network():
    m = INPUTS["lstm"]
    x = flat(m, "main_params", "extra_params")
    return true.network(x, m), true.differences(lambda v: true.network(v, m), x)


def _bundle(message):
    block = np.array([*message["cam"], *message["x"], message["w"]])
    errors = true.projection(block, message["feat"])
    slopes = true.differences(lambda v: true.projection(v, message["feat"]), block)
    n, m, p, w = (message[name] for name in "nmpw")
    camera, point = 11 * n, 11 * n + 3 * m
    columns = [*range(11), *range(camera, camera + 3), point]
    found = {
        "rows": [*(15 * i for i in range(2 * p + 1)), *(30 * p + i + 1 for i in range(p))],
        "cols": [*columns, *columns, point + p - 1],
        "vals": [*slopes.ravel(), -2 * w],
    }
    found["rows"] = [*found["rows"][:30], found["rows"][-1]]
    objective = {
        "reproj_error": {"elements": errors, "repeated": p},
        "w_err": {"element": 1 - w**2, "repeated": p},
    }
    return objective, found


def _hand(message):
    count = len(message["us"])
    x = np.concatenate([np.ravel(message["us"]), message["theta"]])
    jacobian = true.differences(lambda v: true.hand(v, message), x, 5e-2)
    own = [jacobian[3 * i : 3 * i + 3, 2 * i : 2 * i + 2] for i in range(count)]
    blocks = [np.concatenate(own), jacobian[:, 2 * count :]] if count else [jacobian]
    return true.hand(x, message), np.hstack(blocks)


SIMPLE_HAND = INPUTS["ht"] | {"us": []}
STILL = INPUTS["ba"] | {"cam": [0.0, 0.0, 0.0, *INPUTS["ba"]["cam"][3:]]}

#: The eval, its input, and what makes the answers to its functions, in order.
CASES = {
    "hello": ("hello", 1.5, lambda: (2.25, 3.0)),
    "lse": ("lse", INPUTS["lse"], lambda: [f(INPUTS["lse"]["x"]) for f in (logsumexp, softmax)]),
    "llsq": ("llsq", INPUTS["llsq"], _least_squares),
    "gmm": ("gmm", INPUTS["gmm"], _mixture),
    "ode": ("ode", INPUTS["ode"], _solution),
    "kmeans": ("kmeans", INPUTS["kmeans"], _clusters),
    "det": ("det", INPUTS["det"], _determinant),
    "lstm": ("lstm", INPUTS["lstm"], _network),
    "ba": ("ba", INPUTS["ba"], lambda: _bundle(INPUTS["ba"])),
    "ba, no rotation": ("ba", STILL, lambda: _bundle(STILL)),
    "ht": ("ht", INPUTS["ht"], lambda: _hand(INPUTS["ht"])),
    "ht, without us": ("ht", SIMPLE_HAND, lambda: _hand(SIMPLE_HAND)),
}  # fmt: skip


def numbers(value):
    """Return the numbers of an answer in a row: what has names by their order."""
    if isinstance(value, dict):
        names = [n for n in ("alpha", "mu", "q", "l") if n in value] or sorted(value)
        return np.concatenate([numbers(value[name]) for name in names])
    return np.ravel(np.asarray(value, float))


ASKED = [ENGINES["autodiff"](False), ENGINES["autodiff"](True), ENGINES["symdiff"](False)]


@pytest.mark.each("name", CASES)
def test_every_function_is_right_to_eight_digits_of_the_largest_entry(name):
    module, given, truth = CASES[name]
    wanted = [numbers(each) for each in truth()]
    for engine in ASKED:
        if engine.evals and module not in engine.evals:
            continue
        for function, right in zip(EVALS[module].functions, wanted, strict=True):
            message = {"id": 1, "kind": "evaluate", "module": module, "input": given}
            answer = json.loads(json.dumps(answered(message | {"function": function}, engine)))
            assert answer["success"], answer["error"]
            found = numbers(answer["output"])
            np.testing.assert_allclose(found, right, rtol=0, atol=1e-8 * np.max(np.abs(right)))


@pytest.mark.parametrize("modes", ["rr"])  # ff, fr and rf take a minute each
def test_derivatives_within_derivatives(modes):
    engine = ENGINES["autodiff"](False)
    miss, w = missed(engine, modes[1]), 0.2071918746486116  # published minimum
    slope = (
        engine.gradient(miss, 0)(np.array([w]))[0]
        if modes[0] == "r"
        else engine.along(miss, (np.array([w]),), (np.array([1.0]),))[1]
    )
    right = true.miss(w + 1e-30j).imag / 1e-30
    assert slope == pytest.approx(right, rel=1e-8, abs=1e-10)
    # From a start this near to the saddle, descent takes few steps.
    start = np.array([3e-5, -3e-5])
    saddle = EVALS["saddle"].functions[modes](engine)(start)
    wanted = minimum(lambda x: np.sum(x**2), lambda x: 2 * x, start)
    np.testing.assert_allclose(saddle, np.tile(wanted, 2), rtol=1e-8)


@pytest.mark.exhaustive
@pytest.mark.parametrize("modes", ["rr"])  # ff, fr and rf take a minute each
def test_the_published_minimum_and_saddle(modes):
    engine = ENGINES["autodiff"](False)
    w = EVALS["particle"].functions[modes](engine)(np.array([0.0]))
    assert w == pytest.approx(0.2071918746486116, rel=1e-8)
    found = EVALS["saddle"].functions[modes](engine)(np.ones(2))
    np.testing.assert_allclose(found, np.full(4, 8.246324826140356e-06), rtol=1e-8)


def test_the_protocol_answers_each_message_and_survives_what_fails():
    run = {"kind": "evaluate", "module": "lse", "function": "gradient"}
    times = {"min_runs": 3, "min_seconds": 0}
    messages = [
        {"id": 0, "kind": "start", "eval": "lse"},
        {"id": 1, "kind": "define", "module": "lse"},
        {"id": 2, **run, "input": {"x": [0.0, 0.0], **times}},
        {"id": 3, "kind": "analysis", "of": 2, "valid": True},
        {"id": 4, **run, "function": "hessian", "input": {"x": [0.0]}},
        {"id": 5, **run, "input": {}},
        {"id": 6, "kind": "define", "module": "gmm"},
        {"id": 7, "kind": "end"},
    ]
    out = io.StringIO()
    serve([json.dumps(m) + "\n" for m in messages], out, ENGINES["symdiff"](False))
    answers = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [a["id"] for a in answers] == list(range(8))
    assert answers[0]["tool"] == "gradscale-symdiff"
    assert answers[1] == {"id": 1, "success": True}
    assert answers[2]["output"] == [0.5, 0.5]
    assert [t["name"] for t in answers[2]["timings"]] == ["compile", *["evaluate"] * 3]
    assert answers[3] == {"id": 3}
    assert not answers[4]["success"]
    assert "lse has no function 'hessian'; there are: primal, gradient" in answers[4]["error"]
    assert answers[5] == {"id": 5, "success": False, "error": "KeyError: 'x'"}
    assert not answers[6]["success"]
    assert "symdiff has no eval 'gmm'" in answers[6]["error"]
    assert answers[7] == {"id": 7}
