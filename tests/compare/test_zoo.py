"""A zoo of engines that are wrong on purpose, each caught for its own reason.

An entry is a name, the function it is wrong on, how it is wrong, the status it must get and a part
of the message that must say why. An engine that is right but for the mistake is made of the graph.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import compare
from compare.engines import get_engine
from compare.engines.engine import Engine, Prepared

_RNG = np.random.default_rng(7)
_PICKED = np.array([0, 0, 1])


def network(w, b, x):
    return np.sum(np.tanh(x @ w + b) ** 2)


def square(a, x):
    return np.sum(np.sin(a @ x))


def twins(u, v):
    return np.sum(u**2 * v)


def ties(x, y):
    return np.sum(np.maximum(x, y) ** 2)


def picked(x):
    return np.sum(np.exp(x[_PICKED]))


def million(x):
    return np.sum(x * x) / 2


def corner(x, m):
    return np.sum(np.sqrt(np.abs(x)) * m) + np.sum(m)


FUNCTIONS = {
    network: (
        _RNG.standard_normal((3, 2)),
        _RNG.standard_normal(2),
        _RNG.standard_normal((5, 3)),
    ),
    square: (_RNG.standard_normal((4, 4)), _RNG.standard_normal(4)),
    twins: (_RNG.standard_normal(4), _RNG.standard_normal(4)),
    ties: (np.array([1.0, 2.0, 3.0]), np.array([1.0, 5.0, 3.0])),
    picked: (np.array([0.5, -1.0, 2.0]),),
    million: (_RNG.uniform(1.0, 2.0, 10**6),),
    corner: (np.array([0.0, 4.0]), np.array([0.0, 1.0])),
}


def changed(change):
    """Return how to prepare an engine whose result is changed."""

    def prepare(case):
        run = get_engine("graph").prepare(case).run

        def run_wrong(inputs):
            value, gradients = run(inputs)
            return change(value, {name: np.array(g) for name, g in gradients.items()})

        return Prepared(run_wrong)

    return prepare


def around(wrap):
    """Return how to prepare an engine whose run is wrapped: ``wrap(run, case)``."""

    def prepare(case):
        return Prepared(wrap(get_engine("graph").prepare(case).run, case))

    return prepare


def at(gradients, name, entry, value):
    gradients[name][entry] = value
    return gradients


def scaled(gradients, factor):
    return {name: factor * x_bar for name, x_bar in gradients.items()}


def stale_buffer(run, case):
    buffers = {name: np.zeros(np.shape(case.inputs[name])) for name in case.wrt}

    def run_wrong(inputs):
        value, gradients = run(inputs)
        for name, buffer in buffers.items():
            buffer[...] = gradients[name]
        return value, buffers

    return run_wrong


def alias(run, case):
    # The gradient of sum(x^2) / 2 is x: right, and the very array that came in.
    return lambda inputs: (run(inputs)[0], {"x": inputs["x"]})


def mutate(run, case):
    def run_wrong(inputs):
        result = run(inputs)
        inputs["x"][0] += 1.0
        return result

    return run_wrong


def baked_in(run, case):
    known = run(case.inputs)
    return lambda inputs: known


def dice(run, case):
    def run_wrong(inputs):
        value, gradients = run(inputs)
        noise = 1e-12 * int.from_bytes(os.urandom(2), "big") / 2**16
        return value, scaled(gradients, 1.0 + noise)

    return run_wrong


def remembers(run, case):
    """Return a run that gives its last result but one when it is called for the third time."""
    seen = []

    def run_wrong(inputs):
        seen.append(run(inputs))
        return seen[-1] if len(seen) < 3 else seen[-2]

    return run_wrong


def fails_at(call):
    def wrap(run, case):
        calls = []

        def run_wrong(inputs):
            calls.append(1)
            if len(calls) >= call:
                raise RuntimeError("out of ideas")
            return run(inputs)

        return run_wrong

    return wrap


def hangs_at(call):
    def wrap(run, case):
        calls = []

        def run_wrong(inputs):
            calls.append(1)
            if len(calls) >= call:
                time.sleep(60)
            return run(inputs)

        return run_wrong

    return wrap


def first_of_ties(value, gradients):
    x, y = FUNCTIONS[ties]
    return value, {"x": np.where(x >= y, 2 * x, 0.0), "y": np.where(x >= y, 0.0, 2 * y)}


def last_of_repeated(value, gradients):
    (x,) = FUNCTIONS[picked]
    x_bar = np.zeros_like(x)
    x_bar[_PICKED] = np.exp(x[_PICKED])  # assigned, where it should be added
    return value, {"x": x_bar}


def raises(case):
    raise RuntimeError("no formula today")


def hangs(case):
    time.sleep(60)


def exits(case):
    os._exit(7)


def killed(case):
    os.kill(os.getpid(), signal.SIGKILL)


def eats_memory(case):
    kept = []
    while True:
        kept.append(np.ones(2 * 10**6))


def child_eats_memory(case):
    program = "import time; x = b'x' * 10**9; time.sleep(60)"
    subprocess.run([sys.executable, "-c", program], check=True)


_LEAKED = []


def leaks(run, case):
    def run_wrong(inputs):
        _LEAKED.append(np.ones(25 * 10**6))
        return run(inputs)

    return run_wrong


def prints(run, case):
    def run_right(inputs):
        print("hello from the engine" * 1000)
        os.write(1, b"and from below\n")
        return run(inputs)

    return run_right


@dataclass(frozen=True)
class Wrong:
    """An engine that is wrong on purpose."""

    name: str
    f: Callable[..., Any]
    prepare: Callable[..., Any]
    status: str
    text: str

    @property
    def engine(self):
        return Engine(self.name, "wrong on purpose", ("autodiff",), self.prepare)


def wrong(name, f, change, text, status="mismatch"):
    return Wrong(name, f, changed(change), status, text)


ZOO = [
    wrong("factor", network, lambda v, g: (v, scaled(g, 2)), "every entry of w is 2 times"),
    wrong("half", network, lambda v, g: (v, {**g, "b": g["b"] / 2}), "b is 0.5 times"),
    wrong("sign", network, lambda v, g: (v, {**g, "b": -g["b"]}), "b has the opposite sign"),
    wrong("zeros", network, lambda v, g: (v, scaled(g, 0)), "every entry of w is zero"),
    wrong(
        "no-broadcast-sum", network, lambda v, g: (v, {**g, "b": np.ones((5, 2)) * g["b"]}),
        "the gradient of b has shape (5, 2); expected (2,)",
    ),
    wrong("transposed-shape", network, lambda v, g: (v, {**g, "w": g["w"].T}), "shape (2, 3)"),
    wrong("transposed", square, lambda v, g: (v, {**g, "a": g["a"].T}), "it is the transpose of"),
    wrong("swapped", twins, lambda v, g: (v, {"u": g["v"], "v": g["u"]}), "the gradient of v"),
    wrong("reversed", network, lambda v, g: (v, {**g, "b": g["b"][::-1]}), "2 of 2 entries of b"),
    wrong(
        "one-in-a-million", million, lambda v, g: (v, at(g, "x", 123_456, g["x"][123_456] + 1e-6)),
        "1 of 1,000,000 entries of x differ",
    ),
    wrong(
        "one-entry", network, lambda v, g: (v, at(g, "w", (2, 1), g["w"][2, 1] * (1 + 1e-6))),
        "w[2, 1] is",
    ),
    wrong("off-by-1e-8", network, lambda v, g: (v, scaled(g, 1 + 1e-8)), "an error of 9.9"),
    wrong("ties", ties, first_of_ties, "at a kink: its slope is "),
    wrong("repeated", picked, last_of_repeated, "x[0] is 1.648"),
    wrong(
        "float32-values", network,
        lambda v, g: (v, {n: x.astype(np.float32).astype(float) for n, x in g.items()}),
        " is a float32 number",
    ),
    wrong(
        "float32", network, lambda v, g: (v, {n: x.astype(np.float32) for n, x in g.items()}),
        "dtype float32; expected float64",
    ),
    wrong("float16", network, lambda v, g: (v, {**g, "b": g["b"].astype("f2")}), "dtype float16"),
    wrong("integers", network, lambda v, g: (v, {**g, "b": g["b"].astype(int)}), "dtype int64"),
    wrong("0-times-inf", corner, lambda v, g: (v, at(g, "x", 0, np.nan)), "x[0] is nan"),
    wrong("infinite", network, lambda v, g: (v, at(g, "w", (1, 0), np.inf)), "w[1, 0] is inf"),
    wrong("wrong-value", network, lambda v, g: (v * 1.001, g), "value is"),
    wrong("value-nan", network, lambda v, g: (np.nan, g), "value is nan"),
    wrong("value-array", network, lambda v, g: (np.array([v]), g), "the value has shape (1,)"),
    wrong("value-complex", network, lambda v, g: (complex(v), g), "the value has dtype complex"),
    wrong("value-text", network, lambda v, g: (str(v), g), "the value is a str"),
    wrong("missing", network, lambda v, g: (v, {"w": g["w"]}), "gradients of w arrived; expected"),
    wrong("extra", network, lambda v, g: (v, {**g, "z": g["b"]}), "gradients of b, w, x, z"),
    wrong("extra-axis", network, lambda v, g: (v, {**g, "b": g["b"][None]}), "shape (1, 2)"),
    wrong(
        "complex", network, lambda v, g: (v, {**g, "b": g["b"] + 0j}), "dtype complex128; expected"
    ),
    wrong("lists", network, lambda v, g: (v, {**g, "b": g["b"].tolist()}), "b is a list; expected"),
    wrong("nothing", network, lambda v, g: None, "returned a NoneType; expected", "error"),
    wrong("tuple", network, lambda v, g: (v, tuple(g.values())), "a tuple of", "error"),
    wrong("bare-list", network, lambda v, g: [v, g], "returned a list; expected", "error"),
    Wrong("stale-buffer", network, around(stale_buffer), "mismatch", "is a stale buffer"),
    Wrong("alias", million, around(alias), "mismatch", "shares memory with the input x"),
    Wrong("mutation", network, around(mutate), "mismatch", "it changed its input x"),
    Wrong("baked-in", network, around(baked_in), "mismatch", "wrong at others: "),
    Wrong("dice", network, around(dice), "mismatch", "not deterministic"),
    Wrong("remembers", network, around(remembers), "mismatch", "not deterministic"),
    Wrong("raises-at-build", network, raises, "error", "RuntimeError: no formula today"),
    Wrong("raises-at-first", network, around(fails_at(1)), "error", "RuntimeError: out of ideas"),
    Wrong("raises-at-second", network, around(fails_at(2)), "error", "a second run at the same"),
    Wrong("hangs-at-build", network, hangs, "timeout", "more than 4 s"),
    Wrong("hangs-at-second", network, around(hangs_at(2)), "timeout", "more than 4 s"),
    Wrong("exits", network, exits, "crashed", "code 7"),
    Wrong("killed", network, killed, "crashed", "SIGKILL"),
    Wrong("eats-memory", network, eats_memory, "memory", "GB of memory"),
    Wrong("child-eats-memory", network, child_eats_memory, "memory", "GB of memory"),
    Wrong("leaks", network, around(leaks), "memory", "GB of memory"),
]  # fmt: skip
#: Right engines that must not be accused, however odd they are.
RIGHT = [
    wrong("right", network, lambda v, g: (v, g), "", "ok"),
    wrong("float-value", network, lambda v, g: (float(v), g), "", "ok"),
    wrong("fortran", square, lambda v, g: (v, {**g, "a": np.asfortranarray(g["a"])}), "", "ok"),
    wrong("one-ulp", network, lambda v, g: (v, {n: np.nextafter(x, 9) for n, x in g.items()}), "",
          "ok"),
    Wrong("prints", network, around(prints), "ok", ""),
]  # fmt: skip


def test_the_zoo_is_large_and_no_two_are_alike():
    assert len(ZOO) >= 24
    assert len({entry.name for entry in (*ZOO, *RIGHT)}) == len(ZOO) + len(RIGHT)


def check(f, entries):
    """Hold that each is caught for its own reason, and that ours beside them are not accused."""
    ours = () if f is million else ("shared", "graph", "graph-compiled")
    engines = [*(entry.engine for entry in entries), *map(get_engine, ours)]
    limits = {"budget_s": 4.0, "budget_bytes": 500 * 10**6}
    frame = compare.verify(f, *FUNCTIONS[f], engines=engines, **limits)
    rows = {row["engine"]: row for row in frame.to_dict("records")}
    for entry in entries:
        row = rows[entry.name]
        assert (row["status"], entry.text in row["message"]) == (entry.status, True), row
        assert row["message"] == "" or entry.status != "ok"
    for name in ours:
        if (f, name) == (corner, "shared"):
            # A formula has no rule for 0 times infinity: it is caught like any other engine.
            found = rows[name]["status"], rows[name]["message"]
            assert found == ("mismatch", "x[0] is nan: not finite")
        else:
            assert rows[name]["status"] == "ok", rows[name]


def test_one_is_caught_and_ours_are_not():
    check(network, ZOO[:1])


@pytest.mark.exhaustive
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_all_are_caught_for_their_own_reasons_and_ours_are_not(f):
    check(f, [entry for entry in (*ZOO, *RIGHT) if entry.f is f])


def slow(run, case):
    def run_wrong(inputs):
        time.sleep(0.8)
        return run(inputs)

    return run_wrong


def slows_down(run, case):
    """Return a run that takes longer each time, without an end."""
    calls = []

    def run_wrong(inputs):
        calls.append(1)
        time.sleep(0.4 * (len(calls) > 3))
        return run(inputs)

    return run_wrong


#: What a sweep must catch in the processes that are measured, by its time budget in s.
IN_A_SWEEP = {
    "out of time": (0.5, [Wrong("slow", network, around(slow), "timeout", "more than 0.5 s")]),
    "quick": (20.0, [entry for entry in ZOO if entry.name in ("dice", "nothing")]),
    "all": (
        20.0,
        [
            Wrong("leaks", network, around(leaks), "memory", "GB of memory"),
            *(
                entry
                for entry in ZOO
                if entry.name
                in {
                    *("factor", "stale-buffer", "mutation", "baked-in", "lists"),
                    *("raises-at-second", "killed", "child-eats-memory"),
                }
            ),
        ],
    ),
}


@pytest.mark.parametrize(
    "which", ["out of time", "quick", pytest.param("all", marks=pytest.mark.exhaustive)]
)
def test_a_sweep_catches_them_as_well(which):
    budget_s, entries = IN_A_SWEEP[which]
    frame = compare.benchmark(
        network,
        *FUNCTIONS[network],
        engines=[entry.engine for entry in entries],
        budget_s=budget_s,
        budget_bytes=500 * 10**6,
    )
    rows = {row["engine"]: row for row in frame.to_dict("records")}
    for entry in entries:
        row = rows.pop(entry.name)
        assert (row["status"], entry.text in row["message"]) == (entry.status, True), row
        assert row["run_s"] != row["run_s"]
    assert not rows


@pytest.mark.exhaustive
def test_a_sweep_ends_though_an_engine_slows_down():
    engine = Engine("slows-down", "wrong on purpose", ("autodiff",), around(slows_down))
    frame = compare.benchmark(network, *FUNCTIONS[network], engines=[engine], budget_s=1.0)
    assert frame["status"].isin(["ok", "timeout"]).all()
