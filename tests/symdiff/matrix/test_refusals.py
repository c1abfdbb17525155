import numpy as np
import pytest
import scipy.linalg
import scipy.special

from symdiff import Untraceable, gradient
from symdiff.matrix import matrix_gradient

REFUSED = {
    "fft": (lambda X: np.sum(np.fft.fft(X)), r"np.fft.fft: not traceable: .*np.cos\(k\) @ x"),
    "argmax": (lambda X: np.sum(X) * np.argmax(X), r"np\.argmax: .*x\[np.argmax\(x\)\] is np.max"),
    "accumulate": (
        lambda X: np.sum(np.minimum.accumulate(X)),
        r"minimum\.accumulate: .*strategy='shared' with numbers",
    ),
    "argsort": (lambda X: np.sum(X[np.argsort(X[0])]), r"np\.argsort: .*np\.sort\(x\)"),
    "frexp": (lambda X: np.sum(np.frexp(X)[0]), r"np\.frexp: .*power of two"),
    "new": (lambda X: np.sum(np.geomspace(X, 1.0)), r"np\.geomspace: .*no rule.*functions\.md$"),
    "SciPy": (lambda X: np.sum(scipy.linalg.logm(X)), r"^scipy\.linalg\.logm: .*functions\.md$"),
    "singular vectors": (
        lambda X: np.linalg.svd(X)[0][0, 0],
        r"np\.linalg\.svd: a derivative of singular vectors.*np\.linalg\.eigh",
    ),
    "keyword": (lambda X: np.sum(np.exp(X, where=X > 0)), r"np.exp\(where=...\).*zeros_like"),
    "dtype": (lambda X: np.sum(X, dtype=np.float32), r"np.sum\(dtype=...\)"),
    "out": (lambda X: np.sum(np.exp(X, out=np.ones(3))), r"np.exp\(out=...\)"),
    "one branch": (lambda X: np.where(X > 0), "both branches"),
    "offset": (lambda X: np.trace(X, offset=1), r"np.trace\(offset=...\)"),
    "order": (lambda X: np.sum(np.reshape(X, (-1,), order="F")), "order='F'"),
    "slice of a name": (lambda X: np.sum(X[::2]), "slice.*of the named length 'n'"),
    "integers": (lambda X: np.sum(X.astype(int)), "real values only"),
}


@pytest.mark.each("name", REFUSED)
def test_refused_by_name(name):
    f, words = REFUSED[name]
    with pytest.raises(Untraceable, match=words):
        gradient(f, strategy="matrix", X=("n", "n"))


def test_advice_names_who_can_and_nobody_else():
    def message(f, strategy, **shapes):
        with pytest.raises(Untraceable) as caught:
            gradient(f, strategy=strategy, **shapes)
        return str(caught.value)

    values = message(lambda A: np.sum(np.linalg.eigvalsh(A)), "adjoint", A=(3, 3))
    assert values.startswith("np.linalg.eigvalsh: ")
    assert values.endswith("; use strategy='matrix', which derives this function")
    assert len(values) < 250
    for f in (lambda A: np.sum(np.fft.fft(A)), lambda A: np.sum(np.argmin(A))):
        assert "use strategy" not in message(f, "matrix", A=(3, 3))
        assert "use strategy" not in message(f, "shared", A=(3, 3))
    running = message(lambda x: np.sum(np.maximum.accumulate(x)), "matrix", x=(3,))
    assert running.endswith("; use strategy='shared', which derives this function")
    assert message(lambda x: np.sum(scipy.special.ellipk(x)), "shared", x=(3,)).startswith(
        "scipy.special.ellipk: "
    )


WRONG = {
    "ravel": (lambda X: np.sum(np.ravel(X)), ValueError, "product with a named length"),
    "joined": (lambda X: np.sum(np.concatenate([X, X]) + X), ValueError, r"\(2\*n, n\).*same name"),
    "matmul": (lambda X: np.sum(X @ np.ones((3, 2))), ValueError, "give them the same name"),
    "broadcast": (lambda X: np.sum(X + np.ones(3)), ValueError, "give them the same name"),
    "matrix result": (lambda X: X @ X, ValueError, r"shape \(n, n\), a scalar is needed"),
    "list result": (lambda X: [np.sum(X)], TypeError, "returned a list"),
    "int": (lambda X: int(np.sum(X)), TypeError, "cannot become int"),
    "truth": (lambda X: np.sum(X) if np.sum(X) > 0 else 1.0, TypeError, "np.where"),
    "assignment": (lambda X: X.__setitem__(np.sum(X) < X, [1, 2]), TypeError, "np.where"),
    "eye": (lambda X: np.sum(X + np.eye(X.shape[0], k=1)), TypeError, "the identity alone"),
    "len": (lambda X: len(X) * np.sum(X), TypeError, "'n' is a name"),
    "traced index": (lambda X: X[np.sum(X)], TypeError, "cannot be an index"),
    "complex": (lambda X: np.sum(X * 1j), TypeError, "matrix formulas are real"),
    "axis": (lambda X: np.sum(np.sum(X, axis=2)), ValueError, "axis 2 does not exist"),
    "not square": (lambda X: np.linalg.det(X[:, None, :]), ValueError, "square"),
    "scalar @": (lambda X: np.sum(X) @ X, ValueError, "multiply with"),
    "list of traced": (lambda X: np.sum(X @ [X, X]), TypeError, "np.stack"),
}


@pytest.mark.each("name", WRONG)
def test_wrong_use_says_what_to_do(name):
    f, kind, words = WRONG[name]
    with pytest.raises(kind, match=words):
        matrix_gradient(f, X=("n", "n"))


ARGUMENTS = {
    "missing": ({}, TypeError, "needs its argument X"),
    "unknown": ({"X": (2,), "Z": (2,)}, TypeError, "has no argument 'Z'"),
    "negative": ({"X": (-1,)}, ValueError, "negative length"),
    "float length": ({"X": ("n", 1.5)}, TypeError, "a shape, such as"),
    "bad name": ({"X": ("a b",)}, ValueError, "no identifier"),
    "code": ({"X": ("__import__('os')",)}, ValueError, "no identifier"),
    "text": ({"X": "N"}, TypeError, "an array or a number"),
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_wrong_arguments(name):
    inputs, kind, words = ARGUMENTS[name]
    with pytest.raises(kind, match=words):
        matrix_gradient(lambda X: np.sum(X), inputs=inputs)


def test_a_hostile_argument_name():
    with pytest.raises(ValueError, match="no Python identifier"):
        matrix_gradient(lambda **k: 1.0, inputs={"x; import os": (2,)})


def test_an_exception_in_mid_trace_leaves_nothing_behind():
    kept = []

    def f(X):
        kept.append(np.exp(X))
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        matrix_gradient(f, X=("n", "n"))
    with pytest.raises(TypeError, match="outlived"):
        matrix_gradient(lambda X: np.sum(kept[0] * X), X=("n", "n"))
    assert matrix_gradient(lambda X: np.sum(X), X=(2,))(X=[1, 2])["X"].tolist() == [1, 1]


def test_a_singular_matrix_is_an_error_and_no_number():
    g = matrix_gradient(lambda A: np.sum(np.linalg.inv(A)), A=("n", "n"))
    with pytest.raises(np.linalg.LinAlgError) as caught:
        g(A=np.zeros((2, 2)))
    assert "np.linalg.pinv" in caught.value.__notes__[0]


def test_strategy_names_are_listed():
    with pytest.raises(ValueError, match=r"Did you mean 'matrix'\?"):
        gradient(lambda x: x, strategy="matrx", x=())


@pytest.mark.parametrize("f", [lambda x: np.percentile(x, 30), lambda x: np.polyval(x, 2.0)])
def test_what_needs_numbers_as_lengths_says_so(f):
    with pytest.raises(TypeError, match="derives this function with numbers as lengths, not with"):
        gradient(f, strategy="matrix", x=("n",))
    gradient(f, strategy="matrix", x=(4,))
