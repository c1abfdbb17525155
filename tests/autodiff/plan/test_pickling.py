"""Compiled functions as pickles: planned anew where they arrive, with their options."""

import copy
import functools
import pickle
import subprocess
import sys

import cloudpickle
import numpy as np
import pytest

import autodiff

SCALE = [2.0]
X = np.array([1.0, 2.0, 3.0])


def loss(x):
    return np.sum(x**2) * SCALE[0]


@autodiff.compile
def decorated(x):
    return np.sum(x**3)


@functools.wraps(loss)
def around(x):
    return loss(x) + 1.0


STEPS = {
    "function": autodiff.compile(loss),
    "gradient": autodiff.compile(autodiff.grad(loss), fast_math=True),
    "both, donated": autodiff.compile(
        autodiff.value_and_grad(loss, argnums=(0,)), donate=True, check=False
    ),
    "hessian": autodiff.compile(autodiff.hessian(loss)),
    "batched": autodiff.compile(autodiff.vmap(autodiff.grad(lambda x: x * x)), pure=True),
    "decorated": decorated,
    "gradient of a compiled function": autodiff.compile(autodiff.grad(autodiff.compile(loss))),
    "wrapped": autodiff.compile(around),
    "lambda": autodiff.compile(lambda x: np.sum(x) * SCALE[0]),
}
BY_NAME = ("function", "gradient", "both, donated", "hessian", "decorated")


@pytest.mark.each("called", [False, True])
@pytest.mark.each("name", [name for name in STEPS if name != "wrapped"])
def test_cloudpickle(name, called):
    step = STEPS[name]
    wanted = step.__wrapped__(X)
    for _ in range(2 * called):
        step(X)
    arrived = pickle.loads(cloudpickle.dumps(step))
    for _ in range(3):
        assert str(arrived(X)) == str(wanted)
        assert str(step(X)) == str(wanted)
    assert len(arrived.plans()) == 1
    # And once more from there.
    assert str(pickle.loads(cloudpickle.dumps(arrived))(X)) == str(wanted)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", BY_NAME)
def test_functions_of_a_module_pickle_by_name(name, tmp_path):
    step = STEPS[name]
    step(X)
    octets = pickle.dumps(step)
    assert pickle.loads(octets) is step
    path = tmp_path / "step"
    path.write_bytes(octets)
    code = (
        "import pickle, sys, numpy as np\n"
        "import autodiff.plan.dispatch as there\n"
        f"step = pickle.load(open({str(path)!r}, 'rb'))\n"
        f"assert pickle.load(open({str(path)!r}, 'rb')) is step\n"
        "x = np.array([1.0, 2.0, 3.0])\n"
        "step(x)\n"
        "sys.stdout.write(str(step(x)) + '|' + step.__qualname__)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    value, _, text = ended.stdout.partition("|")
    assert value == str(step(X)), ended.stderr
    assert text == step.__qualname__


@pytest.mark.parametrize("name", ["lambda", "batched", "wrapped"])
def test_what_no_module_holds_by_its_name_does_not_pickle_by_it(name):
    with pytest.raises(pickle.PicklingError, match="compile"):
        pickle.dumps(STEPS[name])


def test_repr_says_how_it_was_made():
    texts = {name: repr(step).split(" at 0x")[0] for name, step in STEPS.items()}
    own = f"'{__name__.replace('.', '/')}:loss'"
    assert texts["gradient"] == f"<function compile(grad({own}), fast_math=True)"
    assert texts["both, donated"] == (
        f"<function compile(value_and_grad({own}, argnums=(0,)), donate=True, check=False)"
    )
    assert texts["lambda"].startswith("<function compile(<lambda>)")
    assert STEPS["function"].__name__ == "loss"


def test_two_of_the_same_function_have_names_of_their_own():
    first, second = autodiff.compile(loss), autodiff.compile(loss)
    assert first.__qualname__ != second.__qualname__
    assert pickle.loads(pickle.dumps(first)) is first
    assert pickle.loads(pickle.dumps(second)) is second


def test_copies_are_the_function_itself():
    step = STEPS["gradient"]
    assert copy.copy(step) is copy.deepcopy(step) is step


def test_no_other_name_is_looked_up():
    import autodiff.plan.dispatch as module

    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = module.nothing
    with pytest.raises(AttributeError, match="can't be made from its name"):
        getattr(module, "compile(__import__('os'))")
    with pytest.raises(AttributeError, match="can't be made from its name"):
        getattr(module, "compile('no_such_module:f')")
