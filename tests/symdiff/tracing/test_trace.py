"""Tracing: what it returns, and what it says when it cannot."""

import numpy as np
import pytest
import sympy

from symdiff import Untraceable, trace


def test_constants_and_symbols():
    traced = trace(lambda x, y: x * y, x=(2,), y=np.array([2.0, 0.5]))
    assert traced.shapes == {"x": (2,)}
    assert [str(e) for e in traced.result] == ["2*x[0]", "x[1]/2"]
    assert all(s.is_real for s in traced.symbols["x"])


def test_two_linear_layers_collapse():
    shapes = {"W1": (3, 2), "W2": (2, 3), "x": (2,)}
    twice = trace(lambda W1, W2, x: W2 @ (W1 @ x) - (W2 @ W1) @ x, inputs=shapes).result
    assert [sympy.expand(entry) for entry in twice] == [0, 0]


def test_a_sum_is_one_node():
    total = trace(lambda x: np.sum(x), x=(500,)).result
    loop = trace(lambda x: sum(x[k] for k in range(500)), x=(500,)).result
    assert len(total.args) == len(loop.args) == 500


def test_numbers_are_not_distributed():
    result = trace(lambda x, y: -(x + y) * 3, x=(), y=()).result
    assert str(result) == "-3*(x + y)"


def _assign(t):
    t[t > 0] = [1.0, 2.0]
    return t


def _branch(t):
    return t if t[0] > 0 else -t


REFUSED = {
    "float": (lambda t: float(t), TypeError, "float"),
    "int": (lambda t: int(t[0]), TypeError, "int"),
    "bool": (_branch, TypeError, "np.where"),
    "assign": (_assign, TypeError, "np.where"),
    "index": (lambda t: np.ones(3)[t[0]], TypeError, "index"),
    "symbolic index": (lambda t: t[t], TypeError, "np.where"),
    "range": (lambda t: range(t[0]), TypeError, "number"),
    "where": (lambda t: np.exp(t, where=np.array([True, False])), Untraceable, "np.where"),
    "sum out": (lambda t: np.sum(t, out=np.zeros(())), Untraceable, "out"),
    "nextafter": (lambda t: np.nextafter(t, 1), Untraceable, "np.nextafter"),
    "fft": (lambda t: np.fft.fft(t), Untraceable, "np.fft.fft"),
    "at": (lambda t: np.add.at(np.zeros(2), 0, t[0]), Untraceable, "np.add.at"),
    "norm": (lambda t: np.linalg.norm(t, "fro"), ValueError, "np.linalg.norm"),
    "large det": (lambda t: np.linalg.det(np.ones((9, 9)) * t[0]), Untraceable, "np.linalg.det"),
    "complex": (lambda t: t * 1j, TypeError, "complex"),
    "string": (lambda t: t + "a", TypeError, "str"),
    "tuple": (lambda t: (t, t), TypeError, "np.stack"),
    "integers": (lambda t: t.astype(int), Untraceable, "astype"),
}


@pytest.mark.each("name", REFUSED)
def test_refused_with_a_name(name):
    f, kind, words = REFUSED[name]
    with pytest.raises(kind, match=words):
        trace(f, t=(2,))


def test_arguments_are_checked():
    def f(x, weights):
        return x * weights

    with pytest.raises(TypeError, match="f needs its argument weights"):
        trace(f, x=())
    with pytest.raises(TypeError, match=r"f has no argument 'weight'. Did you mean 'weights'"):
        trace(f, x=(), weight=())
    with pytest.raises(TypeError, match=r"'x'.*complex"):
        trace(f, x=1j, weights=())
    with pytest.raises(TypeError, match="'x'"):
        trace(f, x="__import__('os')", weights=())
    with pytest.raises(ValueError, match="negative"):
        trace(f, x=(-1,), weights=())
    with pytest.raises(ValueError, match="identifier"):
        trace(lambda **k: 0, inputs={"x; y": ()})


def test_augmented_assignment_makes_a_new_value():
    def f(t):
        t += 1
        t *= t
        return t

    assert str(trace(f, t=()).result) == "(t + 1)**2"


def test_values_of_two_traces_do_not_mix():
    kept = []
    trace(lambda x: kept.append(x * 2) or x, x=())
    with pytest.raises(TypeError, match="two traces"):
        trace(lambda x: x + kept[0], x=())
    with pytest.raises(TypeError, match="two traces"):
        trace(lambda x: kept[0], x=())


def test_padding_without_a_meaning_is_refused():
    with pytest.raises(Untraceable, match="edge"):
        trace(lambda x: np.pad(x, 1, mode="mean"), x=(3,))
