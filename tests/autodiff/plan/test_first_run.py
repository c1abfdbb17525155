"""The check of the first run: what it catches, and what is no fault."""

import numpy as np
import pytest

import autodiff
from autodiff.plan import dispatch, first_run
from autodiff.plan.plan import Plan


def _planted(monkeypatch, change):
    """Let every plan that is made have another source."""
    make = dispatch.make_plan

    def planted(*args, **kwargs):
        plan = make(*args, **kwargs)
        source = change(plan.source)
        assert source != plan.source
        plan.source = source
        plan._begin()
        return plan

    monkeypatch.setattr(dispatch, "make_plan", planted)


@pytest.mark.parametrize("dtype", [float, np.float32])
@pytest.mark.parametrize("n", [3, 10_000])
def test_a_millionth_of_the_largest_entry_is_caught(n, dtype, monkeypatch, rng):
    factor = 1 + (1e-6 if dtype is float else 1e-4)
    _planted(monkeypatch, lambda source: source.replace("return ", f"return {factor} * "))
    with pytest.raises(autodiff.PlanMismatch, match="differs from the function"):
        autodiff.compile(autodiff.grad(lambda x: np.sum(np.exp(x))))(
            rng.normal(size=n).astype(dtype)
        )


def test_memory_that_happens_to_hold_the_right_numbers_is_no_proof(monkeypatch):
    def forgotten(source):
        return "\n".join(x for x in source.splitlines() if not x.startswith("    exp(")) + "\n"

    _planted(monkeypatch, forgotten)
    monkeypatch.setattr(np, "empty", np.ones)
    step = autodiff.compile(lambda x: np.sin(np.sum(np.exp(x) * x)))
    with pytest.raises(autodiff.PlanMismatch):
        step(np.zeros(4))


def test_what_is_right_at_the_first_arguments_only_is_caught(monkeypatch):
    _planted(monkeypatch, lambda source: source.replace("return ", "return 6.0 + 0 * "))
    with pytest.raises(autodiff.PlanMismatch):
        autodiff.compile(lambda x: np.sum(x * x))(np.array([1.0, 2.0, -1.0]))


@pytest.mark.parametrize(
    ("x", "fails"),
    [
        (np.array([1.0, 2.0, -1.0]), "x[0] == 1.0"),  # at the first arguments alone
        (np.array([1.0, 2.0, -1.0]), "x[0] != 1.0"),  # at the second ones alone
        (np.zeros(3), "x[0] != 0.0"),
    ],
)
@pytest.mark.parametrize("wrong", ["np.linalg.cholesky(-np.eye(2))", "1.0 + np.sum(x)"])
def test_a_plan_that_fails_where_the_function_does_not_is_refused(x, fails, wrong, monkeypatch):
    _planted(monkeypatch, lambda text: text.replace("return ", f"return {wrong} if {fails} else "))
    with pytest.raises(autodiff.PlanMismatch, match=r"differs|raises LinAlgError .*not positive"):
        autodiff.compile(lambda x: np.sum(x))(x)


def test_second_arguments_that_the_function_does_not_take_are_left():
    def f(x):
        if np.any(x != np.arange(3.0)):
            raise ValueError("another")
        return np.sum(x)

    assert autodiff.compile(f, pure=True)(np.arange(3.0)) == 3.0


def _softmax(x):
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


CANCELLING = {
    "log-sum-exp": lambda x: np.max(x) + np.log(np.sum(np.exp(x - np.max(x)))),
    "softmax": lambda x: np.sum(_softmax(x) * np.cos(x)),
    "layer norm": lambda x: np.sum((x - np.mean(x)) / np.sqrt(np.var(x) + 1e-5) * np.cos(x)),
    "variance": lambda x: np.var(x + 100.0),
    "nothing is left": lambda x: np.sum(x - np.mean(x)),
    "float32 with float64": lambda x: np.sum(x) * np.float64(2.0),
}


@pytest.mark.each("dtype", [float, np.float32])
@pytest.mark.each("name", CANCELLING)
def test_rounding_is_no_fault(name, dtype, rng):
    f = autodiff.value_and_grad(CANCELLING[name])
    for n in (1000, 320_000):
        x = rng.uniform(size=n).astype(dtype)
        value, gradient = autodiff.compile(f)(x)
        assert value.dtype == f(x)[0].dtype
        assert gradient.dtype == dtype


def test_roundings_of_a_sum_that_cancels_are_those_of_its_terms():
    x = np.linspace(1.0, 2.0, 1000)
    program = autodiff.compile(np.sum)
    program(x)
    assert first_run.distance(1.0 + 1e-6, 1.0) > 1.0
    assert first_run.distance(1.0 + 1e-13, 1.0) < 1.0
    assert isinstance(program.plan(x), Plan)


def test_the_first_result_of_a_plan_that_donates_is_that_of_its_arguments():
    def loss(w, x):
        return np.sum(np.tanh(x @ w) ** 2)

    gradient = autodiff.value_and_grad(loss)
    w, x = np.linspace(0, 1, 3), np.ones((4, 3))
    for found, expected in zip(
        autodiff.compile(gradient, donate=True)(w, x), gradient(w, x), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_text_of_another_plan_is_told():
    with pytest.raises(autodiff.PlanMismatch, match="is 'float64', not 'float'"):
        autodiff.compile(lambda x: type(x).__name__)(0.5)


def test_where_rounding_decides_a_branch_the_function_itself_runs(monkeypatch):
    """The plan computes in another order, and is not 0 where the trace was."""
    step = autodiff.compile(lambda x: x**2 if x[0] > 0 else x)
    monkeypatch.setattr(Plan, "attempt", lambda plan, leaves: (False, None))
    np.testing.assert_array_equal(step(np.ones(2)), np.ones(2))
    assert not step.plans()
