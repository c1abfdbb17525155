"""Gradients as text: what is written comes back, and nothing else is read."""

import contextlib
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from symdiff import ExpressionTooLarge, Gradient, Unparsable, gradient, parse
from symdiff.operations.table import OPERATIONS
from symdiff.store.dag import Dag
from symdiff.strategies import DERIVATIONS, Derivation
from symdiff.text import reading, saving
from symdiff.text.reading import read_text
from symdiff.text.saving import FUNCTIONS, Saved, write_text


def network(w1, b1, w2, x, y):
    h = 1 / (1 + np.exp(-(x @ w1 + b1)))
    e = h @ w2 - y
    return np.sum(e**2) / 3 + 0.1 * np.sum(np.abs(w1))


SHAPES = {"w1": (3, 4), "b1": (4,), "w2": (4, 2), "x": (2, 3), "y": (2, 2)}


@pytest.mark.parametrize("strategy", DERIVATIONS)
def test_what_is_saved_comes_back_to_the_last_bit(strategy, tmp_path, rng):
    g = gradient(network, strategy=strategy, wrt=("w2", "b1"), **SHAPES)
    g.save(tmp_path / "gradient.txt")
    again = Gradient.load(tmp_path / "gradient.txt")
    point = {name: rng.normal(size=shape) for name, shape in SHAPES.items()}
    value, found = g.value_and_gradient(**point)
    value_again, found_again = again.value_and_gradient(**point)
    assert value == value_again
    assert list(found) == list(found_again) == ["w2", "b1"]
    for name in found:
        np.testing.assert_array_equal(found[name], found_again[name])
    assert again.strategy == strategy
    assert [str(symbol) for symbol, _ in again.lets] == [str(symbol) for symbol, _ in g.lets]
    again.save(tmp_path / "again.txt")
    assert (tmp_path / "again.txt").read_bytes() == (tmp_path / "gradient.txt").read_bytes()


def test_a_file_can_be_read_by_eye(tmp_path):
    def neuron(w, x):
        z = w[0] * x + w[1]
        return 1 / (1 + np.exp(-z))

    gradient(neuron, wrt="w", strategy="adjoint", w=(2,), x=()).save(tmp_path / "neuron.txt")
    text = (tmp_path / "neuron.txt").read_text()
    assert text.startswith("symdiff gradient, format 1\nstrategy adjoint\nargument w (2,)\n")
    assert "let z = w[0]*x + w[1]\n" in text
    assert "= sigmoid(z)\n" in text


def test_deep_long_and_wide_formulas(tmp_path):
    def deep(w, x):
        for _ in range(1000):
            x = np.tanh(w * x)
        return x

    def wide(x):
        return np.sum(np.exp(x)) * np.prod(x[:30]) + np.max(x[:25])

    for f, shapes in ((deep, {"w": (), "x": ()}), (wide, {"x": (3000,)})):
        g = gradient(f, strategy="adjoint", **shapes)
        g.save(tmp_path / "gradient.txt")
        again = Gradient.load(tmp_path / "gradient.txt")
        point = {name: np.full(shape, 1.01) for name, shape in shapes.items()}
        assert g.value_and_gradient(**point)[0] == again.value_and_gradient(**point)[0]
        for name in shapes:
            np.testing.assert_array_equal(g(**point)[name], again(**point)[name])


_ONE = ("exp", "log", "sin", "tanh", "sigmoid", "sqrt", "abs", "cbrt", "relu", "softplus", "-")
_TEXTS = st.recursive(
    st.one_of(
        st.sampled_from(["x", "y", "pi"]), st.floats(0, 9).map(repr), st.integers(0, 9).map(str)
    ),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "**"]), inner).map(
            lambda t: f"({t[0]}){t[1]}({t[2]})"
        ),
        st.tuples(st.sampled_from(_ONE), inner).map(lambda t: f"{t[0]}({t[1]})"),
        st.tuples(st.sampled_from(["max", "min", "hypot", "atan2"]), inner, inner).map(
            lambda t: f"{t[0]}({t[1]}, {t[2]})"
        ),
        st.tuples(inner, inner, inner).map(lambda t: f"where({t[0]} > {t[1]}, {t[2]}, {t[1]})"),
    ),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None)
@example("sqrt((x)-(y))", "expanded", 2.0, 1.0)
@example("where(x > max(x/0.0, x + x), 1, max(x/0.0, x + x))", "adjoint", 0.0, 0.0)
@example("max(x/0.0, y, 3*x)/(x - x)", "shared", 0.0, 0.0)
@given(text=_TEXTS, strategy=st.sampled_from(sorted(DERIVATIONS)), x=st.floats(), y=st.floats())
def test_any_formula_comes_back(text, strategy, x, y):
    try:
        f = parse(text, ["x", "y"])
    except Unparsable:  # numbers that are not finite
        return
    g = gradient(f, strategy=strategy, x=(), y=())
    parts = g._parts
    saved = Saved(strategy, parts.dag, ["x", "y"], parts.value, parts.partials, parts.names)
    again = read_text(written := write_text(saved))
    assert write_text(again) == written
    inputs = {name: np.asarray(nodes) for name, nodes in again.inputs().items()}
    derivation = Derivation(again.dag, again.value, again.partials, again.names)
    loaded = Gradient(strategy, inputs, again.wrt, derivation)
    expected, found = (h.value_and_gradient(x=x, y=y) for h in (g, loaded))
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal([*found[1].values()], [*expected[1].values()], err_msg=written)


def test_names_that_the_grammar_has_no_room_for(tmp_path):
    def f(θ, exp, inf, _x, a1, p1):
        return np.exp(θ[0] * exp) * inf + _x * np.exp(θ[0] * exp) + a1 * p1

    shapes = {"θ": (2,), "exp": (), "inf": (), "_x": (), "a1": (), "p1": ()}
    g = gradient(f, inputs=shapes)
    g.save(tmp_path / "gradient.txt")
    text = (tmp_path / "gradient.txt").read_text(encoding="utf-8")
    assert "argument θ as a2 (2,)" in text
    again = Gradient.load(tmp_path / "gradient.txt")
    point = {"θ": [0.1, 1], "exp": 2.0, "inf": 3.0, "_x": 4.0, "a1": 5.0, "p1": 6.0}
    assert again.value_and_gradient(**point)[0] == g.value_and_gradient(**point)[0]


def test_every_operation_is_known_to_the_format():
    arithmetic = {"neg", "div", "pow", "choice"}
    assert {
        row.name for row in OPERATIONS.values() if row.partials
    } - arithmetic <= FUNCTIONS.keys()


@pytest.mark.each("op", sorted(FUNCTIONS.keys() - {"where"}))
def test_every_operation_comes_back(op):
    dag = Dag()
    arguments = dag.symbols("x", (FUNCTIONS[op][0],)).tolist()
    node = dag.node(op, *arguments)
    again = read_text(write_text(Saved("shared", dag, [], node, [])))
    assert again.dag.ops[again.value] == op
    assert [again.dag.symbol_name(n) for n in again.dag.args[again.value]] == [
        dag.symbol_name(n) for n in dag.args[node]
    ]


NUMBERS = [0, 1, -1, 2**53 + 1, -(2**200), 0.1, -1e300, 5e-324, math.inf, -math.inf, math.nan]


@pytest.mark.each("number", [*NUMBERS, Fraction(1, 3), Fraction(-22, 7)])
def test_every_number_comes_back(number):
    dag = Dag()
    value = dag.node("mul", dag.number(number), int(dag.symbols("x", ())))
    again = read_text(write_text(Saved("shared", dag, [], dag.number(number), [])))
    found = again.dag.data[again.value]
    assert found == number or (math.isnan(found) and math.isnan(number))
    assert write_text(Saved("shared", dag, [], value, [])).count("value") == 1


@settings(max_examples=200, deadline=None)
@given(st.floats())
def test_any_float_comes_back(number):
    dag = Dag()
    again = read_text(write_text(Saved("shared", dag, [], dag.number(number), [])))
    assert np.array_equal(float(again.dag.data[again.value]), number, equal_nan=True)


def test_conditions_come_back():
    dag = Dag()
    x, y = dag.symbols("x", (2,)).tolist()
    p, q = dag.compare("gt", x, y), dag.compare("ne", y, dag.number(2))
    both = dag.choose(p, q, dag.boolean(False))
    first = dag.choose(both, x, dag.negate(y))
    second = dag.choose(both, y, dag.choose(dag.boolean(True), x, y))
    text = write_text(Saved("shared", dag, [], dag.add(first, second), [], {both: "both"}))
    assert "let both = where(x[0] > x[1], x[1] != 2, false)" in text
    assert write_text(read_text(text)) == text


GOOD = """symdiff gradient, format 1
strategy shared
argument w (2,)
argument x ()
wrt w
let v1 = sigmoid(w[0]*x + w[1])
part p1 = v1*(1 - v1)
value = v1
partial w[0] = p1*x
partial w[1] = p1
end 10
"""


def test_the_example_of_the_documentation():
    saved = read_text(GOOD)
    assert (saved.strategy, saved.wrt, list(saved.names.values())) == ("shared", ["w"], ["v1"])
    assert GOOD.splitlines()[5].replace("let v1", "let h1") in saving.__doc__


REPLACED = {
    "nothing at all": (GOOD, ""),
    "another program": ("symdiff gradient, format 1", "#!/bin/sh"),
    "a pickle": ("symdiff gradient, format 1", "cposix\nsystem\n(S'ls'\ntR."),
    "another format": ("format 1", "format 2"),
    "a long format": ("format 1", "format " + "9" * 10_000),
    "no strategy": ("strategy shared\n", ""),
    "a strategy with a path": ("strategy shared", "strategy ../shared"),
    "a strategy that breaks a comment": ("strategy shared", "strategy '''"),
    "an argument without a shape": ("argument x ()", "argument x"),
    "an argument that is code": ("argument x ()", "argument x=__import__('os') ()"),
    "an argument that is a keyword": ("argument x ()", "argument lambda ()"),
    "an argument that is not normalised": ("argument x ()", "argument \uff58 as x ()"),
    "an argument with an index": ("argument x ()", "argument x[0] as x ()"),
    "an argument as a function": ("argument x ()", "argument x as exp ()"),
    "an argument twice": ("argument x ()", "argument w ()"),
    "an alias twice": ("argument x ()", "argument x as w ()"),
    "a negative shape": ("(2,)", "(-2,)"),
    "a shape that is code": ("(2,)", "(__import__('os'),)"),
    "a huge shape": ("argument x ()", "argument x (99999, 99999)"),
    "a shape of many axes": ("argument x ()", f"argument x ({'9, ' * 500})"),
    "a shape of many short axes": ("argument x ()", f"argument x ({'1, ' * 100})"),
    "wrt of nothing known": ("wrt w", "wrt z"),
    "wrt twice": ("wrt w", "wrt w w"),
    "no wrt": ("wrt w\n", ""),
    "an import": ("p1*x", "__import__('os').system('ls')"),
    "an attribute": ("p1*x", "p1.real*x"),
    "a call of a name": ("p1*x", "p1(x)"),
    "an unknown function": ("sigmoid", "system"),
    "a name that is not defined": ("p1*x", "p2*x"),
    "a name that is defined later": ("v1*(1 - v1)", "p1*(1 - v1)"),
    "an entry out of range": ("w[1])", "w[2])"),
    "a negative entry": ("w[1])", "w[-1])"),
    "an entry of a scalar": ("p1*x", "p1*x[0]"),
    "an entry that is a name": ("w[1])", "w[x])"),
    "an argument as a whole": ("w[1])", "w)"),
    "a condition as a number": ("v1*(1 - v1)", "(v1 > 0)*(1 - v1)"),
    "a condition as the value": ("value = v1", "value = v1 > 0"),
    "a condition as a partial": ("w[1] = p1", "w[1] = p1 > 0"),
    "a named condition as a number": ("part p1 = v1*(1 - v1)", "part p1 = v1 > 0"),
    "a let that is an argument": ("let v1", "let x"),
    "a let that is an entry": ("let v1", "let w[0]"),
    "a let that is a function": ("let v1", "let exp"),
    "a let twice": ("part p1", "part v1"),
    "a let that is code": ("let v1", "let v1; import os"),
    "a let with a long name": ("let v1", "let " + "v" * 10_000),
    "a matrix product": ("p1*x", "p1 @ x"),
    "a power tower": ("p1*x", "9**9**9"),
    "a power tower to the left": ("p1*x", "((7**64)**64)**64"),
    "a power tower in a sum": ("p1*x", "(1 + 9**9)**(9**9)"),
    "a complex power": ("p1*x", "(-8)**0.5"),
    "a power that overflows": ("p1*x", "10**400"),
    "an overflow": ("p1*x", "1e400"),
    "many digits": ("p1*x", "9" * 10_000),
    "deep nesting": ("p1*x", "(" * 10_000 + "x" + ")" * 10_000),
    "many signs": ("p1*x", "-" * 100_000 + "x"),
    "a long chain": ("p1*x", "+".join(["x"] * 100_000)),
    "no equals sign": ("value = v1", "value v1"),
    "an empty right side": ("value = v1", "value = "),
    "no value": ("value = v1\n", ""),
    "a missing partial": ("partial w[1] = p1\n", ""),
    "a partial too many": ("end 10", "partial w[2] = p1\nend 11"),
    "partials in another order": ("partial w[0]", "partial w[1]"),
    "a partial of a constant": ("partial w[0]", "partial x"),
    "an unknown line": ("part p1", "exec p1"),
    "an empty line": ("part p1", "\npart p1"),
    "a wrong count": ("end 10", "end 11"),
    "no end": ("end 10\n", ""),
    "more after the end": ("end 10\n", "end 10\nimport os\n"),
    "half a file": (GOOD[-60:], ""),
    "Windows line ends": ("\n", "\r\n"),
    "a null byte": ("p1*x", "p1\0x"),
    "a surrogate": ("p1*x", "p1\ud800x"),
    "a line separator": ("wrt w\n", "wrt w\u2028"),
}


@pytest.mark.each("case", REPLACED)
def test_hostile_files_are_refused_with_a_sentence(case):
    text = GOOD.replace(*REPLACED[case])
    with pytest.raises(Unparsable, match=r"^line \d+: ") as caught:
        read_text(text)
    message = str(caught.value)
    assert 20 < len(message) < 1_500
    assert "\n" not in message


@settings(max_examples=300, deadline=None)
@given(
    start=st.integers(0, len(GOOD)),
    length=st.integers(0, 20),
    piece=st.text(alphabet="wxvp019.[]()+-*/=<>, \nletpartvaluend_", max_size=12),
)
@example(0, 0, "")
def test_a_file_with_a_piece_replaced_is_read_or_refused(start, length, piece):
    with contextlib.suppress(Unparsable):
        saved = read_text(GOOD[:start] + piece + GOOD[start + length :])
        assert read_text(write_text(saved)).wrt == saved.wrt


def test_files_that_are_no_text(tmp_path):
    path = tmp_path / "gradient.txt"
    path.write_bytes(b"\xff\xfe\x00" * 100)
    with pytest.raises(Unparsable, match="no UTF-8"):
        Gradient.load(path)
    with pytest.raises(FileNotFoundError):
        Gradient.load(tmp_path / "missing.txt")
    path.write_text(GOOD.replace("strategy shared", "strategy magic"))
    with pytest.raises(Unparsable, match=r"'magic'.*adjoint"):
        Gradient.load(path)


def test_what_could_not_be_loaded_is_not_saved(monkeypatch, tmp_path):
    for module in (saving, reading):
        monkeypatch.setattr(module, "LARGEST_BYTES", 100)
    g = gradient(lambda x: np.sum(x**2), x=(20,))
    with pytest.raises(ExpressionTooLarge, match="characters"):
        g.save(tmp_path / "gradient.txt")
    assert not (tmp_path / "gradient.txt").exists()
    (tmp_path / "large.txt").write_text(GOOD)
    with pytest.raises(Unparsable, match="100"):
        Gradient.load(tmp_path / "large.txt")
