"""Assignment and in-place operators on traced arrays: NumPy's semantics, or a clear refusal."""

import numpy as np
import pytest

from symdiff import STRATEGIES, Untraceable, gradient
from tests.views import VIEWS_AND_COPIES, writing

X = np.array([[0.1, 0.5, -0.3], [1.0, 0.2, 0.4]])
WEIGHTS = np.arange(6.0).reshape(2, 3)
MASK = np.array([[True, False, True], [False, True, False]])


def rows(x):
    p = np.exp(x)
    for row in p:
        row /= row.sum()
    return np.sum(p**2)


def alias(x):
    y = np.sin(x)
    z = y
    z += 1
    return np.sum(y * z)


def tail(x):
    y = x * 2
    y[1:] *= 3
    return np.sum(y**2)


def arg(x):
    x = x.copy()
    x -= 1
    x[0] = x[1] * 2
    return np.sum(x**3)


def entry_by_entry(x):
    out = np.zeros_like(x)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            out[i, j] = x[i, j] ** 2 * (i + 1)
    return np.sum(np.sin(out))


def scalar(x):
    s = x[0, 0]
    s += 1
    s *= x[0, 1]
    return s + np.sum(x)


def tview(x):
    y = x**2
    y.T[0] += 5 * x[:, 1]
    return np.sum(y * WEIGHTS)


def raveled(x):
    y = x**2
    y.reshape(-1)[2:4] = x[0, 0]
    return np.sum(y**2)


def out_keyword(x):
    y = np.exp(x)
    np.multiply(y, x, out=y)
    return np.sum(y)


def overlap(x):
    y = x.copy()
    y[:, 1:] += y[:, :-1]
    return np.sum(y**2)


def mask(x):
    y = x * 2
    y[y > 0.5] = 0.25
    return np.sum(y**3)


def fancy(x):
    y = x**2
    y[[0, 1], [2, 0]] *= x[0, 0]
    return np.sum(y**2)


def known_mask(x):
    m = MASK
    y = np.sin(x)
    y[m] = y[~m]
    return np.sum(y**2)


def added_at(x):
    y = np.zeros_like(x)
    np.add.at(y, (np.array([0, 0, 1]), np.array([1, 1, 2])), x[0])
    return np.sum(y**2 * x)


def pos(x):
    y = +x
    y += 1
    return np.sum(x * y)


def flat(x):
    y = np.exp(x)
    z = y.flatten()
    z[0] = 0
    return np.sum(y) + np.sum(z**2)


def filled_diagonal(x):
    y = np.outer(x[0], x[1])
    np.fill_diagonal(y, 0)
    return np.sum(y**2)


def copyto(x):
    y = np.exp(x)
    np.copyto(y[0], x[1])
    return np.sum(y**2)


def split(x):
    y = np.exp(x)
    a, b = np.split(y, 2)
    a *= 2
    b[...] = a
    return np.sum(y**2)


def raveled_transpose(x):
    y = x.T + 1
    y.ravel()[0] = 5
    return np.sum(y**2)


def powers(x):
    y = x * 1
    y **= 2
    y -= 1
    y /= 2
    return np.sum(y**2)


def product(x):
    A = x[:, :2] @ x[:, 1:].T
    B = A
    A @= A
    return np.sum(B)


def swap(x):
    y = x.copy()
    y[0], y[1] = y[1].copy(), y[0].copy()
    y[0] *= 2
    return np.sum(y**3)


def badswap(x):
    y = x.copy()
    y[0], y[1] = y[1], y[0]
    return np.sum(y**3 * WEIGHTS)


def ellipsis_view(x):
    y = x**2
    e = y[0, 0, ...]
    e += x[1, 1]
    return np.sum(y**2)


def added_axis(x):
    y = x**2
    z = y[:, None, :]
    z *= 2
    return np.sum(y**2)


def broadcast(x):
    y = x**2
    y += x[0]
    y[:, 0] = 1.5
    return np.sum(y**2)


def running(x):
    y = x.copy()
    for i in range(1, 3):
        y[:, i] += y[:, i - 1] * 0.5
    return np.sum(np.tanh(y))


def read_only(x):
    y = x**2
    np.diagonal(y)[0] = 3
    return np.sum(y)


def into_numbers(x):
    y = np.zeros(3)
    y[0] = x[0, 0]
    return np.sum(y**2)


def onto_numbers(x):
    y = np.zeros((2, 3))
    y += x
    return np.sum(y**2)


def bigger(x):
    y = x[0] * 1
    y += x
    return np.sum(y)


def swapped(x):
    y = x**2
    y.mT[...] = x.T
    return np.sum(y**3)


RIGHT = [
    into_numbers,
    onto_numbers,
    rows,
    alias,
    tail,
    arg,
    entry_by_entry,
    scalar,
    tview,
    raveled,
    out_keyword,
    overlap,
    mask,
    fancy,
    known_mask,
    added_at,
    pos,
    flat,
    filled_diagonal,
    copyto,
    split,
    raveled_transpose,
    powers,
    product,
    swap,
    badswap,
    ellipsis_view,
    added_axis,
    broadcast,
    running,
    swapped,
]
#: What whole matrices refuse, since it depends on the order in memory.
BY_ORDER = {raveled, raveled_transpose}
REFUSED = {
    read_only: (ValueError, "read"),
    bigger: (ValueError, "in place"),
}


def differences(f, x, step=1e-6):
    found = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        off = np.zeros_like(x)
        off[index] = step
        found[index] = (f(x + off) - f(x - off)) / (2 * step)
    return found


@pytest.mark.each("strategy", STRATEGIES)
@pytest.mark.each("f", RIGHT)
def test_writing_means_what_it_means_in_numpy(f, strategy):
    if strategy == "matrix" and f in BY_ORDER:
        with pytest.raises(Untraceable, match="order in memory"):
            gradient(f, strategy=strategy, x=X.shape)
        return
    value, found = gradient(f, strategy=strategy, x=X.shape).value_and_gradient(x=X)
    assert value == pytest.approx(f(X.copy()), rel=1e-12)
    np.testing.assert_allclose(found["x"], differences(lambda x: f(x.copy()), X), atol=1e-7)


@pytest.mark.each("strategy", STRATEGIES)
@pytest.mark.each("f", REFUSED)
def test_what_is_refused_says_why(f, strategy):
    kind, words = REFUSED[f]
    shape = (3, 3) if f is read_only else X.shape
    with pytest.raises(kind, match=words):
        gradient(f, strategy=strategy, x=shape)


def test_named_lengths_are_written_into_as_well():
    def scaled(x, w):
        y = np.exp(x)
        y *= w
        y[0] += x[1]
        y[:, 1] = 2.0
        return np.sum(y**2)

    x, w = X, np.array([1.0, 2.0, 3.0])
    g = gradient(scaled, strategy="matrix", x=(2, "n"), w=("n",))
    expected = differences(lambda x: scaled(x.copy(), w), x)
    np.testing.assert_allclose(g(x=x, w=w)["x"], expected, atol=1e-7)
    rows = gradient(lambda x: [x.__setitem__(0, 1.0), np.sum(x**2)][1], strategy="matrix", x=("n",))
    assert rows(x=[5.0, 3.0])["x"].tolist() == [0.0, 6.0]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_arguments_of_the_caller_are_left_alone(strategy):
    def shifted(x):
        x -= 1
        return np.sum(x**2)

    x = X.copy()
    found = gradient(shifted, strategy=strategy, x=x.shape)(x=x)["x"]
    np.testing.assert_array_equal(found, 2 * (X - 1))
    np.testing.assert_array_equal(x, X)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_index_that_names_an_entry_twice(strategy):
    def last(x):
        y = x * 1.0
        y[[0, 0]] = x[1:]
        return np.sum(y**2)

    if strategy == "matrix":
        with pytest.raises(Untraceable, match="twice"):
            gradient(last, strategy=strategy, x=(3,))
        return
    found = gradient(last, strategy=strategy, x=(3,))(x=[1.0, 2.0, 3.0])["x"]
    assert found.tolist() == [0.0, 4.0, 12.0]


@pytest.mark.parametrize("kind", VIEWS_AND_COPIES)
def test_what_is_written_into_a_view_is_in_the_array_and_into_a_copy_is_not(kind, differences):
    for f in writing(kind):
        try:
            g = gradient(f, x=(2, 3))
        except (Untraceable, TypeError, AttributeError):
            continue  # refused, which is not wrong
        x = np.linspace(0.5, 2.0, 6).reshape(2, 3)
        assert g.value_and_gradient(x=x)[0] == pytest.approx(f(x), rel=1e-13)
        differences(f, g(x=x), {"x": x})
