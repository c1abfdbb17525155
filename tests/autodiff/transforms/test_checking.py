"""The check for users' tests must catch what is wrong, and nothing else."""

import numpy as np
import pytest

from autodiff import WrongGradient, check_gradients, custom

X = np.array([0.5, 1.5, -0.75])


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (np.sin, (X,)),
        (lambda x, y: np.sum(x * y["k"]), (X, {"k": 2.0})),
        (lambda x: (x**3, np.exp(x[0])), (X,)),
        (lambda x: 3.0, (X,)),
        (lambda x: np.sum(x * 1e8) ** 2, (X,)),
        (lambda x: np.sum(x * 1e-8) ** 2, (X,)),
        (lambda x: np.sum(np.exp(x)), (X.astype(np.float32),)),
        (lambda z: z * z * z, (X + 1j,)),
    ],
)
def test_right_gradients_pass(f, args):
    check_gradients(f, *args)


def wrong(vjp=lambda g, x: g * np.cos(x), jvp=lambda t, x: t * np.cos(x)):
    return custom(
        np.sin,
        vjps={0: lambda out, x: lambda g: vjp(g, x)},
        jvps={0: lambda t, out, x: jvp(t, x)},
    )


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (wrong(vjp=lambda g, x: 2 * g * np.cos(x)), "order 1, reverse"),
        (wrong(vjp=lambda g, x: -g * np.cos(x)), "order 1, reverse"),
        (wrong(vjp=lambda g, x: g * 0), "order 1, reverse"),
        (wrong(vjp=lambda g, x: g * np.nan), "order 1, reverse"),
        (wrong(vjp=lambda g, x: g * np.cos(x) * (1 + 1e-4)), "order 1, reverse"),
        (wrong(jvp=lambda t, x: t * np.cos(x) * (1 + 1e-4)), "order 1, forward"),
        (
            wrong(vjp=lambda g, x: g * custom(np.cos, {0: lambda out, x: lambda g: g})(x)),
            "order 2, reverse",
        ),
    ],
)
def test_wrong_gradients_are_caught(f, message):
    with pytest.raises(WrongGradient, match=message):
        check_gradients(f, X, modes=("rev",) if "reverse" in message else ("fwd",))


def test_modes_and_orders():
    check_gradients(wrong(jvp=lambda t, x: t * 0), X, modes=("rev",))
    with pytest.raises(ValueError, match="mode 'reverse'; 'rev' and 'fwd' are known"):
        check_gradients(np.sin, X, modes=("reverse",))
    check_gradients(np.sin, X, order=4, directions=1, rtol=1e-4)
