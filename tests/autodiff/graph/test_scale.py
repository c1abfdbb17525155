"""Long chains and memory: cost per node that does not grow, nothing that stays behind."""

import gc
import pickle
import sys
import threading
import tracemalloc
import weakref

import numpy as np
import pytest

from autodiff import custom, grad, jvp, trace, value_and_grad, vjp

FACTOR = 1.0000001


def chain(count):
    def f(x):
        for _ in range(count):
            x = x * FACTOR
        return x

    return f


@pytest.fixture
def shallow():
    """Leave the interpreter room for a hundred nested calls, and no more."""
    limit, depth, frame = sys.getrecursionlimit(), 0, sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back
    sys.setrecursionlimit(depth + 100)
    yield
    sys.setrecursionlimit(limit)


@pytest.mark.usefixtures("shallow")
def test_long_chains_in_every_transform():
    np.testing.assert_allclose(grad(chain(50_000))(0.5), FACTOR**50_000, rtol=1e-9)
    count = 20_000
    slope = FACTOR**count
    np.testing.assert_allclose(jvp(chain(count), (0.5,), (1.0,))[1], slope)
    np.testing.assert_allclose(vjp(chain(count), 0.5)[1](1.0)[0], slope)
    np.testing.assert_allclose(grad(grad(lambda x: chain(count)(x) ** 2))(0.5), 2 * slope**2)
    graph = pickle.loads(pickle.dumps(trace(chain(count), 0.5)))
    graph.forward(0.5)
    np.testing.assert_allclose(graph.backward()["x"], slope)


def calls(run):
    """Return how many functions are called, of Python and of C."""
    count = 0

    def on_event(frame, event, arg):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(on_event)
    try:
        run()
    finally:
        sys.setprofile(None)
    return count


def peak(run):
    """Return the largest number of bytes that were allocated at once."""
    gc.collect()
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def replayed(count):
    graph = trace(chain(count), 0.5)
    graph.forward(0.5)
    graph.backward()


RUNS = {
    "grad": lambda count: grad(chain(count))(0.5),
    "jvp": lambda count: jvp(chain(count), (0.5,), (1.0,)),
    "graph": replayed,
}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
@pytest.mark.parametrize("measure", [calls, peak])
def test_cost_per_node_does_not_grow(run, measure):
    run(100)
    few, many = (measure(lambda n=n: run(n)) for n in (600, 6_000))
    # Lists and sets grow in leaps; what is quadratic grows a hundredfold.
    assert many < (10.5 if measure is calls else 14.0) * few


def test_a_wide_sum_of_many_terms_is_linear():
    def loops(count):
        def f(x):
            total = 0.0
            for i in range(count):
                total = total + x[i] * x[i]
            return total

        return lambda: grad(f)(np.ones(count))

    loops(100)()
    few, many = (peak(loops(count)) for count in (1_000, 10_000))
    assert many < 14.0 * few


def test_the_backward_pass_frees_values_as_it_goes():
    alive, counts = [], []

    def watched(out, x):
        def pull(g):
            counts.append(sum(value() is not None for value in alive))
            return g

        return pull

    probe = custom(lambda x: x * 1.0, vjps={0: watched})

    def f(x):
        h = probe(x)
        for _ in range(50):
            h = np.sin(h)
            alive.append(weakref.ref(h.value))
        return np.sum(h)

    gc.disable()
    try:
        value_and_grad(f)(np.ones(20_000))
    finally:
        gc.enable()
    # The rule of the first operation runs last: what came after it is gone by then, but for what
    # the step before it was about.
    assert len(alive) == 50
    assert counts[0] <= 1


def test_peak_memory_is_that_of_the_values():
    size, steps = 100_000, 40

    def f(x):
        for _ in range(steps):
            x = np.sin(x)
        return np.sum(x)

    x = np.ones(size)
    # Values, and a few adjoints and products at the time.
    assert peak(lambda: grad(f)(x)) < (steps + 6) * 8 * size


@pytest.mark.parametrize("where", ["forward", "backward"])
def test_an_exception_leaves_nothing_behind(where):
    def fails(out, x):
        raise ZeroDivisionError("mine")

    broken = custom(lambda x: x * 1.0, vjps={0: fails}, jvps={0: fails})
    alive = []

    def f(x):
        h = np.exp(broken(x) if where == "backward" else x * 1.0)
        alive.append(weakref.ref(h.value))
        if where == "forward":
            raise ZeroDivisionError("mine")
        return np.sum(h)

    before, errors = np.geterr(), 0
    for _ in range(3):
        try:
            grad(f)(np.ones(3))
        except ZeroDivisionError:
            errors += 1
    assert errors == 3
    assert np.geterr() == before
    assert sys.getprofile() is None
    gc.collect()
    assert all(value() is None for value in alive)
    np.testing.assert_array_equal(grad(np.sum)(np.ones(3)), np.ones(3))


def test_an_outer_trace_goes_on_after_an_inner_one_failed():
    def f(x):
        def inner(y):
            x * y
            raise ZeroDivisionError("mine")

        with pytest.raises(ZeroDivisionError):
            grad(inner)(2.0)
        return x * grad(lambda y: x * y * y)(3.0)

    assert grad(f)(2.0) == 24.0


def test_threads_that_fail_do_not_disturb_others():
    found, start = [], threading.Barrier(4)

    def works(k):
        start.wait()
        for _ in range(50):
            found.append(grad(lambda x: grad(lambda y: k * x * y**3)(x))(2.0) == k * 36.0)

    def fails():
        start.wait()
        for _ in range(50):
            with pytest.raises(ZeroDivisionError):
                grad(lambda x: np.exp(x) / (1 // 0))(1.0)

    threads = [threading.Thread(target=works, args=(float(k),)) for k in (1, 2)]
    threads += [threading.Thread(target=fails) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 100
    assert all(found)
