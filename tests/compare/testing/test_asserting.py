import re
import textwrap

import numpy as np
import pytest

from compare import assert_gradients_agree
from compare.engines import get_engine
from compare.engines.engine import Engine, Prepared


def loss(w, x):
    return np.sum(np.tanh(x @ w) ** 2)


def by_hand(w, x):
    h = np.tanh(x @ w)
    return x.T @ (2 * h * (1 - h**2))


def value_and_gradient(w, x):
    return loss(w, x), by_hand(w, x)


def wrong_in_one_entry(w, x):
    g = by_hand(w, x)
    g[3, 0] *= 1 + 1e-7
    return g


def relu(x):
    return np.sum(np.maximum(x, 0))


@pytest.fixture
def arguments(rng):
    return rng.standard_normal((4, 3)), rng.standard_normal((5, 4))


def message_of(*args, **settings):
    with pytest.raises(AssertionError) as error:
        assert_gradients_agree(*args, **settings)
    return str(error.value)


def test_who_agrees_is_returned(arguments):
    agreed = assert_gradients_agree(loss, *arguments, analytic=True)
    assert agreed.gradients == ("graph", "matrix", "complex-step", "finite-differences")
    assert agreed.wrt == ("w", "x")
    assert agreed.skipped == {}


GIVEN = {
    "a callable": by_hand,
    "value and gradient": value_and_gradient,
    "a dict": lambda w, x: {"w": by_hand(w, x)},
    "a tuple": lambda w, x: (by_hand(w, x),),
    "value and a dict": lambda w, x: (loss(w, x), {"w": by_hand(w, x)}),
}


@pytest.mark.parametrize("form", GIVEN)
def test_a_gradient_of_the_caller_comes_in_several_forms(form, arguments):
    agreed = assert_gradients_agree(loss, *arguments, wrt="w", gradient=GIVEN[form])
    assert agreed.gradients[0] == "your gradient"
    assert_gradients_agree(loss, *arguments, wrt="w", gradient=GIVEN[form](*arguments))


def test_two_gradients_in_a_tuple_with_and_without_the_value():
    f = lambda x, y: x * y + x  # noqa: E731
    assert_gradients_agree(f, 2.0, 2.0, gradient=lambda x, y: {"x": y + 1, "y": x})
    assert_gradients_agree(f, 2.0, 2.0, gradient=(6.0, (3.0, 2.0)))
    assert_gradients_agree(f, 2.0, 2.0, gradient=(3.0, 2.0))
    assert "value" in message_of(f, 2.0, 2.0, gradient=(8.0, (3.0, 2.0)))
    parts = message_of(f, 2.0, 2.0, gradient=(1.0, 2.0, 3.0))
    assert "has 3 parts; expected a tuple of 2: x, y" in parts
    # That of one argument alone may be a dict with keys of its own.
    keys = message_of(lambda p, x: p["w"] * x, {"w": 2.0}, 2.0, gradient={"w": 2.0})
    assert "it has the keys w; expected a tuple of 2: p, x" in keys
    assert "for p alone, pass wrt='p'" in keys
    assert "is one float; expected a tuple of 2" in message_of(f, 2.0, 2.0, gradient=1.0)


def test_the_message_shows_the_worst_entry_and_who_is_probably_wrong(arguments):
    text = message_of(loss, *arguments, wrt="w", gradient=wrong_in_one_entry)
    right, wrong = by_hand(*arguments)[3, 0], wrong_in_one_entry(*arguments)[3, 0]
    assert "2 of 6 pairs differ" in text
    assert "your gradient against graph: 1 of 12 entries of w off, worst w[3, 0]" in text
    assert repr(float(wrong)) in text
    assert abs(float(re.search(r"  graph +(\S+)", text)[1]) / right - 1) < 1e-14
    assert "relative error 1e-07" in text
    assert "ULPs apart; the tolerance is 1e-09 relative or 1e-12 of the largest entry" in text
    # A central difference is too rough to tell the two apart, and no witness against the graph.
    assert "your gradient agrees with finite-differences: it is probably wrong" in text
    assert text.count("probably wrong") == 1
    assert "arguments: w float64 (4, 3), x float64 (5, 4); with respect to w; seed 0" in text


def wrong_engine(change, name="wrong"):
    def prepare(case):
        run = get_engine("graph").prepare(case).run

        def run_wrong(inputs):
            value, gradients = run(inputs)
            return value, {n: change(g) for n, g in gradients.items()}

        return Prepared(run_wrong)

    return Engine(name=name, meaning="", imports=(name,), prepare=prepare)


CHANGES = {
    "a factor": (lambda g: 2 * g, "every entry of w is 2 times the reference"),
    "a sign": (lambda g: -g, "opposite sign"),
    "zeros": (lambda g: 0 * g, "12 of 12 entries"),
    "a shape": (lambda g: g.T, "has shape (3, 4); expected (4, 3)"),
    "not a number": (lambda g: g * np.nan, "nan"),
    "infinite": (lambda g: g / 0.0, "inf"),
    "a type": (lambda g: g.astype(np.float32), "dtype float32; expected float64"),
    "a bit": (lambda g: g * (1 + 2e-9), "relative error 2e-09"),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_a_wrong_engine_is_caught(change, arguments):
    how, words = CHANGES[change]
    text = message_of(loss, *arguments, wrt="w", engines=["graph", wrong_engine(how), "matrix"])
    assert words in text
    assert re.search("wrong agrees with nobody: it is probably wrong", text)


def test_two_gradients_have_no_majority(arguments):
    text = message_of(
        loss, *arguments, wrt="w", gradient=lambda w, x: -by_hand(w, x), engines=["graph"]
    )
    assert "there is no majority: any of them may be wrong" in text
    assert "probably" not in text


def test_a_kink_is_named():
    x = np.array([0.0, 1.0])
    text = message_of(relu, x, gradient=lambda x: (x > 0).astype(float))
    assert "x[0] lies at a kink or a tie: the slope is 0 to its left and 1 to its right" in text
    assert "probably" not in text
    x[0] = 0.5
    assert_gradients_agree(relu, x, gradient=lambda x: (x > 0).astype(float))
    assert "at a kink" not in message_of(relu, x, gradient=lambda x: (x > 2).astype(float))
    # A sharp bend is no kink.
    bend = lambda x: np.sum(np.tanh(50 * x) ** 2)  # noqa: E731
    assert "at a kink" not in message_of(bend, x[:1] * 0, gradient=np.array([3.0]))


def test_engines_that_cannot_do_it_are_skipped_and_named(rng):
    x = rng.standard_normal(4)
    agreed = assert_gradients_agree(lambda x: np.sum(np.argsort(x) * x), x)
    assert agreed.gradients == ("graph", "finite-differences")
    assert agreed.skipped["matrix"].startswith("Untraceable: np.argsort")
    with pytest.raises(ValueError, match="only finite-differences") as error:
        assert_gradients_agree(lambda x: x[0] * int(x[0] + 9), x)
    assert "graph: LostDerivative: int()" in str(error.value)


def test_engines_of_one_library_are_one_source(arguments):
    with pytest.raises(ValueError, match=r"needs two independent gradients.*graph, graph-compiled"):
        assert_gradients_agree(loss, *arguments, engines=["graph", "graph-compiled"])
    with pytest.raises(ValueError, match="there is only none"):
        assert_gradients_agree(loss, *arguments, engines=[])


def test_what_is_wrong_with_a_function_is_said(rng):
    x = rng.standard_normal(3)
    with pytest.raises(ValueError, match="a gradient needs a scalar"):
        assert_gradients_agree(lambda x: x * 2, x)
    with pytest.raises(TypeError, match="dtype complex128; expected a real number"):
        assert_gradients_agree(lambda x: np.sum(x) * 1j, x)
    with pytest.raises(ValueError, match="it returned nothing"):
        assert_gradients_agree(lambda x: None, x)
    with pytest.raises(ValueError, match=r"and then .* for the same arguments"):
        assert_gradients_agree(lambda x: np.sum(x) * rng.standard_normal(), x)

    def scales(x):
        x *= 2
        return np.sum(x)

    with pytest.raises(ValueError, match="leave its arguments as they are"):
        assert_gradients_agree(scales, x)
    with pytest.raises(TypeError, match="argument 'n' is a int; expected a float"):
        assert_gradients_agree(lambda n: n * n, 3)
    with pytest.raises(TypeError, match="is a int"):
        assert_gradients_agree(lambda n, x: n * x, 3, 2.0, wrt="n")
    with pytest.raises(ValueError, match="did you mean 'graph'"):
        assert_gradients_agree(np.sum, x, engines=["grpah"])


@pytest.mark.parametrize(
    "settings", [{"rtol": 0.0}, {"rtol": float("nan")}, {"atol": -1.0}, {"samples": 0}]
)
def test_settings_that_make_no_sense(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        assert_gradients_agree(np.sum, np.ones(2), **settings)


def test_tolerances_of_the_caller(arguments):
    near = {"wrt": "w", "gradient": wrong_in_one_entry}
    assert_gradients_agree(loss, *arguments, rtol=1e-6, **near)
    assert_gradients_agree(loss, *arguments, atol=1e-6, **near)
    off = abs(wrong_in_one_entry(*arguments) - by_hand(*arguments)).max()
    message_of(loss, *arguments, atol=off / 2, **near)
    message_of(
        loss, *arguments, wrt="w", gradient=lambda w, x: by_hand(w, x) * (1 + 1e-11), rtol=1e-12
    )


def test_whole_numbers_are_constants(rng):
    def picked(w, labels, power):
        return np.sum(w[labels] ** power)

    w, labels = rng.standard_normal(5), np.array([0, 3, 3])
    agreed = assert_gradients_agree(picked, w, labels, 2)
    assert agreed.wrt == ("w",)
    assert "labels = " not in message_of(picked, w, labels, 2, gradient=lambda w, i, p: w)


def test_float32_has_a_tolerance_of_its_own(arguments):
    w, x = (a.astype(np.float32) for a in arguments)
    assert_gradients_agree(loss, w, x)
    assert_gradients_agree(loss, w, x, wrt="w", gradient=by_hand)
    text = message_of(loss, w, x, wrt="w", gradient=lambda w, x: by_hand(w, x) * np.float32(1.001))
    assert "the tolerance is 0.0001 relative" in text
    assert "w float32 (4, 3)" in text


def test_large_arguments_are_sampled_and_saved(rng, tmp_path):
    w, x = rng.standard_normal((40, 30)), rng.standard_normal((5, 40))
    assert_gradients_agree(loss, w, x, samples=16)
    wrong = {"wrt": "w", "gradient": wrong_in_one_entry, "folder": tmp_path}
    text = message_of(loss, w, x, samples=16, **wrong)
    assert "1 of 1200 entries of w off, worst w[3, 0]" in text
    assert message_of(loss, w, x, samples=16, **wrong) == text.replace(
        "gradients.npz", "gradients1.npz"
    )
    with np.load(tmp_path / "gradients.npz") as saved:
        assert (saved["x0"] == w).all()


@pytest.mark.parametrize("shape", [(4, 3), (40, 3)])
def test_the_program_repeats_the_disagreement(shape, rng, tmp_path):
    w, x = rng.standard_normal(shape), rng.standard_normal((2, shape[0]))
    given = {"gradient": wrong_in_one_entry, "folder": tmp_path}
    text = message_of(loss, w, x, wrt="w", engines=["graph"], **given)
    program = textwrap.dedent(text.partition("To repeat:\n")[2])
    with pytest.raises(AssertionError) as error:
        exec(compile(program, "program", "exec"), {})
    assert str(error.value).partition("To repeat")[0] == text.partition("To repeat")[0]


def test_a_function_without_a_name_is_located(arguments):
    text = message_of(lambda w: np.sum(w**2), arguments[0], gradient=np.ones((4, 3)))
    assert re.search(r"f = \.\.\.  # test_a.*<lambda> at .*test_asserting.py:\d+", text)
    assert "gradient=np.array([[1.0, 1.0, 1.0]" in text


def test_isolated_engines_that_die_are_skipped(arguments):
    def prepare(case):
        import os

        os._exit(3)

    dying = Engine(name="dying", meaning="", imports=("dying",), prepare=prepare)
    engines = ["graph", "matrix", dying]
    agreed = assert_gradients_agree(loss, *arguments, engines=engines, isolate=True)
    assert agreed.gradients == ("graph", "matrix")
    assert "crashed" in agreed.skipped["dying"]


def test_where_no_graph_knows_the_terms_a_disagreement_is_still_one():
    def f(x):
        return int(x[0] + 9) * 0.0 + float(np.sum(np.array(x.tolist()) ** 2))

    text = message_of(f, np.ones(3), gradient=3 * np.ones(3), engines=["finite-differences"])
    assert "do not agree" in text
