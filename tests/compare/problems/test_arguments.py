"""Arguments of every form that people hold parameters in, and of other libraries."""

import dataclasses
import textwrap
import types
from collections import OrderedDict
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from compare import assert_gradients_agree
from compare.engines import get_engine
from compare.problems.by_file import problem_in_file
from compare.problems.own import own_problem

W, B, X = np.array([[0.3, -0.5], [0.2, 0.4]]), np.array([0.1, -0.2]), np.array([0.7, -1.1])


class Pair(NamedTuple):
    w: object
    b: object


@dataclasses.dataclass(frozen=True)
class Layer:
    w: object
    b: object
    act: object = np.tanh
    units: int = 2

    def __post_init__(self):
        assert np.ndim(self.w) == self.units, "a place is no array, and no constructor sees it"

    def __call__(self, x):
        return self.act(x @ self.w + self.b)


def dense(x, w, b):
    return np.sum(np.tanh(x @ w + b) ** 2)


def by_field(p, x):
    return dense(x, p.w, p.b)


def by_key(p, x):
    return dense(x, p["w"], p["b"])


def applied(p, x):
    return np.sum(p["layer"](x) ** 2) * p["pair"].w


#: The function, what holds its parameters, the names of these, and the gradient in its form.
FORMS = {
    "dict": (by_key, {"w": W, "b": B}, "p.w p.b", lambda w, b: {"b": b, "w": w}),
    "ordered dict": (by_key, OrderedDict(b=B, w=W), "p.b p.w", lambda w, b: {"w": w, "b": b}),
    "list": (lambda p, x: dense(x, *p), [W, B], "p.0 p.1", lambda w, b: [w, b]),
    "tuple": (lambda p, x: dense(x, *p), (W, B), "p.0 p.1", lambda w, b: (w, b)),
    "named tuple": (by_field, Pair(W, B), "p.w p.b", Pair),
    "dataclass": (lambda p, x: np.sum(p(x) ** 2), Layer(W, B), "p.w p.b", Layer),
    "namespace": (by_field, types.SimpleNamespace(w=W, b=B), "p.w p.b", Pair),
    "nested": (
        lambda p, x: dense(x, p["net"][0].w, p["net"][0].b),
        {"net": [Pair(W, B)], "name": "one"},
        "p.net.0.w p.net.0.b",
        lambda w, b: {"net": [Pair(w, b)]},
    ),
    "keys that are no names": (
        lambda p, x: dense(x, p["w[0]"], p[7]),
        {"w[0]": W, 7: B},
        "p.w_0_ p.7",
        lambda w, b: {"w[0]": w, 7: b},
    ),
}


def gradient_in(form, wrong=0.0):
    def gradient(p, x):
        h = np.tanh(x @ W + B)
        z = 2 * h * (1 - h**2)
        w_bar = np.outer(x, z)
        w_bar[0, 1] += wrong
        return form(w_bar, z)

    return gradient


def test_parameters_of_any_form_are_compared_under_their_names():
    for what, (f, parameters, names, form) in FORMS.items():
        agreed = assert_gradients_agree(f, parameters, X, wrt="p", gradient=gradient_in(form))
        assert agreed.gradients[0] == "your gradient", what
        assert set(agreed.gradients) >= {"graph", "matrix", "finite-differences"}, agreed.skipped
        assert " ".join(agreed.wrt) == names, what
        with pytest.raises(AssertionError, match="pairs differ") as error:
            assert_gradients_agree(f, parameters, X, wrt="p", gradient=gradient_in(form, 1e-3))
        name = names.split()[0] if names.split()[0].endswith(("w", "0", "0_")) else names.split()[1]
        assert f"worst {name}[0, 1]" in str(error.value), what


def test_a_part_alone_and_a_pair_of_numbers():
    part = FORMS["dict"][1], X
    assert assert_gradients_agree(by_key, *part, wrt="p.b").wrt == ("p.b",)
    assert assert_gradients_agree(by_key, *part).wrt == ("p.w", "p.b", "x")

    def product(t):
        return t[0] * t[1]

    # Two numbers may be the gradient of a pair; a value and a gradient are no such pair.
    assert_gradients_agree(product, (3.0, 2.0), gradient=(2.0, 3.0))
    assert_gradients_agree(product, (3.0, 2.0), gradient=(6.0, (2.0, 3.0)))
    with pytest.raises(AssertionError, match="t is a tuple with 0; expected a tuple with 0, 1"):
        assert_gradients_agree(product, (3.0, 2.0), gradient=(2.0,))
    with pytest.raises(AssertionError, match="p is a dict with w; expected a dict with w, b"):
        assert_gradients_agree(by_key, *part, wrt="p", gradient=lambda p, x: {"w": W})


def test_what_has_no_derivative_by_its_type_stays_in_its_place():
    def picked(p, labels, power, how, act):
        assert how == "sum"
        return np.sum(act(p["w"][labels]) ** power) * p["n"]

    labels = np.array([0, 1, 1])
    arguments = {"w": B, "n": 3, "seen": None}, labels, 2, "sum", np.tanh
    assert assert_gradients_agree(picked, *arguments).wrt == ("p.w",)


def test_arrays_of_other_libraries_become_numpys_of_their_type():
    def f(w, x):
        assert type(x) is np.ndarray
        return np.sum(np.tanh(x @ w) ** 2)

    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3, 4]})
    assert_gradients_agree(f, pd.Series([0.5, -0.25]), frame)
    assert own_problem(f, [B, frame]).case(1, 0).inputs["x"].dtype == np.float64
    with pytest.raises(TypeError, match="columns c of the DataFrame are no numbers"):
        assert_gradients_agree(f, B, frame.assign(c=["x", "y"]))
    with pytest.raises(ValueError, match=r"raised IndexError .* x \(a DataFrame\) became an array"):
        assert_gradients_agree(lambda x: x["a"].sum(), frame)
    with pytest.raises(TypeError, match="is a MaskedArray, whose mask no engine sees"):
        assert_gradients_agree(f, np.ma.masked_array(B, [True, False]), X)
    with pytest.raises(TypeError, match="has dtype float16; expected float64 or float32"):
        assert_gradients_agree(f, B.astype(np.float16), X)
    with pytest.raises(TypeError, match=r"argument 'w\.v' is a object; expected a float"):
        assert_gradients_agree(f, {"v": object()}, X)


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_arrays_of_libraries_that_may_be_missing(library):
    module = pytest.importorskip(library)
    make = module.numpy.asarray if library == "jax" else module.tensor
    single = make(np.array([0.5, -0.25], np.float32))
    inputs = own_problem(lambda w: np.sum(w**2), [single]).case(1, 0).inputs
    assert type(inputs["w"]) is np.ndarray
    assert inputs["w"].dtype == np.float32


def test_the_program_that_repeats_a_comparison_holds_the_same_structures():
    layer = {"layer": Layer(W, B), "pair": Pair(0.5, None)}
    wrong = {"layer": {"w": W, "b": B}, "pair": Pair(1.0, None)}
    with pytest.raises(AssertionError) as error:
        assert_gradients_agree(applied, layer, X, wrt="p", gradient=wrong)
    program = textwrap.dedent(str(error.value).partition("To repeat:\n")[2])
    with pytest.raises(AssertionError) as again:
        exec(compile(program, "program", "exec"), {})
    assert str(again.value).partition("To repeat")[0] == str(error.value).partition("To repeat")[0]


def test_lists_and_whole_numbers_of_a_file_may_grow(tmp_path):
    (tmp_path / "model.py").write_text(
        "import numpy as np\n"
        "def loss(layers, x, classes):\n"
        "    for w in layers:\n"
        "        x = np.tanh(x @ w)\n"
        "    return np.sum(x[:classes] ** 2)\n"
        "def inputs(size, rng):\n"
        "    layers = [rng.standard_normal((2, 2)) for _ in range(size)]\n"
        "    return layers, rng.standard_normal(2), min(size, 2)\n"
    )
    path = tmp_path / "model.py"
    problem = problem_in_file(f"{path}:loss", example=f"{path}:inputs", wrt=["layers"])
    small, large = (problem.case(size, 0) for size in (1, 3))
    assert small.wrt == ("layers.0",)
    assert large.wrt == ("layers.0", "layers.1", "layers.2")
    for case in (small, large):
        value, gradients = get_engine("adjoint").prepare(case).run(case.inputs)
        expected = get_engine("finite-differences").prepare(case).run(case.inputs)[1]
        assert value == pytest.approx(case.problem.function(**case.inputs))
        for name in case.wrt:
            np.testing.assert_allclose(gradients[name], expected[name], rtol=1e-5, atol=1e-8)
