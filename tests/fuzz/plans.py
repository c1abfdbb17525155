"""Random programs: what a plan gives is what the function gives, or it says why it can't.

``python -m tests.fuzz.plans --programs 20000 --seed 1``: programs are made of steps (views,
broadcasting, reductions, products, look-ups, loops over arrays and numbers, every elementwise
primitive of the rule table) on inputs of random shapes, layouts and types, under a random
transform. Each runs eagerly, as a plan on NumPy and as a plan on Numba, at its inputs, at second
ones of another layout, and at the first ones again, on memory that was filled with NaN before.
Programs run in child processes, so that one that kills its process is found; what differs is made
shorter first.
"""

import argparse
import collections
import dataclasses
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import autodiff
from autodiff.core.primitive import PRIMITIVES
from autodiff.core.pytrees import flatten

#: Sizes beyond which a value is not used further, and magnitudes.
MOST, LARGEST = 64, 1e3
CHUNK = 200


def _ndim(*wanted):
    return lambda *xs: all(np.ndim(x) in dims for x, dims in zip(xs, wanted, strict=True))


def _like(x, y):
    return np.shape(x) == np.shape(y)


def _fits(function):
    def check(*xs):
        try:
            return np.size(function(*xs)) <= MOST
        except (ValueError, IndexError):
            return False

    return check


def _square(x):
    return np.ndim(x) == 2 and x.shape[0] == x.shape[1] and x.shape[0] < 5


def _long(x):
    return np.ndim(x) >= 1 and np.shape(x)[0] >= 2


def _matrix(x):
    return np.ndim(x) == 2


def _array(x):
    return np.ndim(x) >= 1


def _scalar(x):
    return np.ndim(x) == 0


def _anything(*xs):
    return True


def _real(x):
    return not np.iscomplexobj(x)


def _reals(condition):
    return lambda *xs: all(map(_real, xs)) and condition(*xs)


def _recurrence(x, w):
    h = np.zeros(np.shape(x)[-1])
    for row in range(np.shape(x)[0]):
        h = np.tanh(x[row] + 0.5 * h * w)
    return h


def _scalar_loop(x):
    s = 0.5
    for i in range(np.shape(x)[0]):
        s = s * 0.9 + x[i] * x[i]
    return s


def _long_scalar_loop(s):
    u, v = s, 1.0
    for _ in range(40):
        u, v = u + 0.05 * (v - u * 0.3), v - 0.05 * (u * v * 0.2)
    return u + v


def _stencil(x):
    for _ in range(3):
        x = x + 0.1 * (np.roll(x, 1) - 2.0 * x + np.roll(x, -1))
    return x


def _repeated(body):
    """Return a function that applies a body so often that plans make it a loop."""

    def run(x):
        for _ in range(40):
            x = np.tanh(body(x)) + 0.1 * x
        return x

    return run


def _neighbours(x):
    total = 0.0
    for i in range(np.shape(x)[0] - 1):
        total = total + (x[i + 1] - x[i] ** 2) ** 2
    return total


def _together(x):
    return np.array([np.sin(x[0]), x[-1] * 2.0, 1.0])


def _list(x):
    out = []
    for i in range(np.shape(x)[0]):
        out.append(x[i] * (i + 1.0))
    return np.stack(out)


def _newton(x):
    return x - autodiff.grad(lambda t: np.sum(np.cos(t) + 0.1 * t**2))(x)


def _directional(x):
    return autodiff.jvp(lambda t: np.sin(t) * t, (x,), (x * 0.5,))[1]


#: Name: the step and the condition on its operands. The kinds that plans have been wrong on are
#: here as they are written: reads of what the same loop writes, elements, look-ups, floats.
STEPS: dict[str, tuple[Callable[..., Any], Callable[..., bool]]] = {
    "transpose": (lambda x: x.T, _matrix),
    "reversed": (lambda x: x[::-1], _array),
    "reversed last": (lambda x: x[..., ::-1], _array),
    "without first": (lambda x: x[1:], _long),
    "every second": (lambda x: x[..., ::2], _array),
    "new axis": (lambda x: x[..., None], lambda x: np.ndim(x) < 3),
    "first": (lambda x: x[0], _array),
    "last column": (lambda x: x[:, -1], _matrix),
    "ravel": (np.ravel, _array),
    "reshape": (lambda x: np.reshape(x, (-1, 1)), _array),
    "swapaxes": (lambda x: np.swapaxes(x, 0, -1), _array),
    "plus transposed": (lambda x: x + x.T, _square),
    "times transposed": (lambda x: np.tanh(x) * np.tanh(x).T, _square),
    "times reversed": (lambda x: np.sin(x) * np.sin(x)[::-1], _array),
    "minus reversed": (lambda x: (y := np.tanh(x)) - y[::-1], _array),
    "times first": (lambda x: (y := np.tanh(x)) * y[0], _array),
    "maximum of transposed": (lambda x: np.maximum(np.sin(x), np.cos(x).T), _reals(_square)),
    "shifted": (lambda x: (y := np.sin(x))[1:] * y[:-1], _long),
    "repeated elements": (lambda x: x[[0, -1, 0]], _array),
    "mask": (lambda x: x[np.real(x) > 0.1], lambda x: np.ndim(x) == 1 and np.any(np.real(x) > 0.1)),
    "where": (lambda x, y: np.where(x > y, x * y, y - x), _reals(_fits(np.add))),
    "where zero": (lambda x: np.where(x > 0, np.sqrt(np.abs(x)), 0.0), _real),
    "clip": (lambda x: np.clip(x, -0.4, 0.6), _real),
    "look-up": (
        lambda x: np.array([1.0, -2.0, 3.0, 0.5])[np.searchsorted([-0.5, 0.0, 0.5], x)] * x,
        _real,
    ),
    "digitize": (lambda x: np.digitize(x, [-0.5, 0.5]) * x, _reals(_array)),
    "sum": (np.sum, _array),
    "sum of rows": (lambda x: np.sum(x, axis=0), _array),
    "sum, keepdims": (lambda x: np.sum(x, axis=-1, keepdims=True), _array),
    "mean": (lambda x: np.mean(x, axis=-1), _array),
    "max": (lambda x: np.max(x, axis=-1), _reals(_array)),
    "min": (np.min, _reals(_array)),
    "var": (lambda x: np.var(x, axis=0), _array),
    "cumsum": (lambda x: np.cumsum(x, axis=-1), _array),
    "prod": (lambda x: np.prod(np.tanh(x), axis=-1), _array),
    "sort": (lambda x: np.sort(x, axis=-1), _reals(_array)),
    "norm": (lambda x: np.linalg.norm(x + 2.0), _array),
    "matmul": (np.matmul, lambda x, y: np.ndim(x) > 0 < np.ndim(y) and _fits(np.matmul)(x, y)),
    "product with transposed": (
        lambda x, y: x @ y.T,
        lambda x, y: _ndim({1, 2}, {2})(x, y) and _fits(lambda x, y: x @ y.T)(x, y),
    ),
    "sum of a product with itself": (lambda x: np.sum(np.tanh(x) @ x.T), _reals(_matrix)),
    "outer": (np.outer, lambda x, y: _ndim({1}, {1})(x, y) and np.size(x) * np.size(y) <= MOST),
    "einsum": (
        lambda x, y: np.einsum("ij,j->i", x, y),
        lambda x, y: _ndim({2}, {1})(x, y) and x.shape[1] == y.shape[0],
    ),
    "solve": (
        lambda x: np.linalg.solve(x @ np.conj(x).T + 2.0 * np.eye(len(x)), np.ones(len(x))),
        _square,
    ),
    "cholesky": (
        lambda x: np.linalg.cholesky(x @ x.T + np.eye(len(x))),
        lambda x: _square(x) and _real(x),
    ),
    "log-sum-exp": (lambda x: (m := np.max(x)) + np.log(np.sum(np.exp(x - m))), _reals(_array)),
    "softmax": (
        lambda x: (
            (e := np.exp(x - np.max(x, axis=-1, keepdims=True))) / np.sum(e, axis=-1, keepdims=True)
        ),
        _reals(_array),
    ),
    "layer norm": (
        lambda x: (x - np.mean(x, -1, keepdims=True)) / np.sqrt(np.var(x, -1, keepdims=True) + 0.1),
        _reals(_array),
    ),
    "roll": (lambda x: np.roll(x, 1, axis=-1), _array),
    "concatenate": (
        lambda x, y: np.concatenate([x, y * 0.5], axis=-1),
        lambda x, y: np.ndim(x) >= 1 and _fits(lambda x, y: np.concatenate([x, y], -1))(x, y),
    ),
    "stack": (lambda x, y: np.stack([x, y]), _like),
    "stack with a number": (lambda x: np.stack([x, 10.0 - x, 3.0 + 0 * x]), _scalar),
    "array of numbers": (_together, _array),
    "split": (
        lambda x: np.split(x, 2)[0] * np.split(x, 2)[1],
        lambda x: np.size(x) % 2 == 0 and np.ndim(x) == 1 and np.size(x) > 0,
    ),
    "diag": (lambda x: np.diag(x), lambda x: np.ndim(x) == 1 and np.size(x) < 8),
    "tril": (np.tril, _matrix),
    "diff": (lambda x: np.diff(x, axis=0), _long),
    "pad": (lambda x: np.pad(x, 1), lambda x: np.ndim(x) == 1 and np.size(x) < 20),
    "tile": (lambda x: np.tile(x, 2), lambda x: np.size(x) <= MOST // 2),
    "broadcast": (
        lambda x: np.broadcast_to(x, (3, *np.shape(x))) * 1.5,
        lambda x: np.ndim(x) < 3 and np.size(x) <= MOST // 3,
    ),
    "recurrence": (_recurrence, lambda x, w: _ndim({2}, {0})(x, w)),
    "loop over elements": (_scalar_loop, lambda x: np.ndim(x) == 1),
    "neighbours": (_neighbours, lambda x: np.ndim(x) == 1 and _long(x)),
    "loop over numbers": (_long_scalar_loop, _scalar),
    "stencil": (_stencil, lambda x: np.ndim(x) == 1 and _long(x)),
    "loop of rolls": (_repeated(lambda x: np.roll(x, 1, -1) - 0.5 * x[::-1]), _array),
    "loop of parts": (
        _repeated(lambda x: np.concatenate([x[:1], x[1:] * x[:-1]]) + np.mean(x, 0)),
        _long,
    ),
    "loop of solutions": (
        _repeated(lambda x: np.linalg.solve(x @ np.conj(x).T + 2.0 * np.eye(len(x)), x)),
        _square,
    ),
    "list of elements": (_list, lambda x: np.ndim(x) == 1 and 0 < np.size(x) < 12),
    "gradient within": (_newton, _reals(_array)),
    "derivative within": (_directional, _real),
    "fft": (lambda x: np.real(np.fft.ifft(np.fft.fft(x) * 2.0)), lambda x: np.ndim(x) == 1),
    "real": (np.real, _anything),
    "abs": (lambda x: np.abs(x + 3.0), _anything),
    "complex": (lambda x: x * (1.0 + 0.5j), _anything),
    "conj": (np.conj, _anything),
    "times a number": (lambda x: x * 0.7, _anything),
    "plus a number": (lambda x: x + 1.5, _anything),
    "times float32": (lambda x: x * np.float32(0.3), _anything),
    "times float64": (lambda x: x * np.float64(0.3), _anything),
    "add": (np.add, _fits(np.add)),
    "subtract": (np.subtract, _fits(np.add)),
    "multiply": (np.multiply, _fits(np.add)),
    "divide": (lambda x, y: x / (2.5 + np.abs(y)), _fits(np.add)),
    "power": (lambda x: (np.abs(x) + 0.5) ** 1.7, _anything),
    "maximum": (np.maximum, _reals(_fits(np.add))),
}
PAIRS = frozenset(
    {"where", "matmul", "product with transposed", "outer", "einsum", "concatenate", "stack"}
    | {"recurrence", "add", "subtract", "multiply", "divide", "maximum"}
)


def _elementwise_steps():
    """The elementwise primitives of the rule table whose domain is an interval around numbers."""
    for name, entry in PRIMITIVES.items():
        simple = entry.kind == "elementwise" and isinstance(entry.function, np.ufunc)
        if not simple or len(entry.domain) != 1 or name.startswith("special."):
            continue
        low, high = entry.domain[0]
        middle, half = (low + high) / 2, 0.9 * (high - low) / 2
        if not np.isfinite(middle + half):
            continue

        def step(x, f=entry.function, middle=middle, half=half):
            # The whole line is brought into the domain.
            return f(middle + half * np.tanh(x) if half < 50 else x)

        yield f"table: {name}", (step, _real)


STEPS.update(_elementwise_steps())
SHAPES = (
    (),
    (1,),
    (3,),
    (4,),
    (6,),
    (2, 3),
    (3, 3),
    (4, 4),
    (1, 3),
    (3, 1),
    (2, 2, 3),
    (0,),
    (5, 1),
)
LAYOUTS = ("C", "F", "strided", "reversed", "read-only", "unaligned", "view")


def laid_out(x: np.ndarray, layout: str) -> np.ndarray:
    """Return an array of the same elements that lies in memory in another way."""
    if layout == "F":
        return np.asfortranarray(x)
    if layout == "strided" and x.ndim:
        wide = np.full((*x.shape[:-1], 2 * x.shape[-1]), np.nan, x.dtype)
        wide[..., ::2] = x
        return wide[..., ::2]
    if layout == "reversed" and x.ndim:
        return np.ascontiguousarray(x[::-1])[::-1]
    if layout == "read-only":
        x = x.copy()
        x.setflags(write=False)
        return x
    if layout == "unaligned" and x.size:
        octets = np.zeros(x.nbytes + 1, np.uint8)
        made = octets[1:].view(x.dtype).reshape(x.shape)
        made[...] = x
        return made
    if layout == "view" and x.ndim:
        return np.concatenate([x, x])[: len(x)]
    return x.copy()


@dataclasses.dataclass(frozen=True)
class Program:
    """A random program: its inputs, steps with the places of their operands, and its transform."""

    seed: int
    inputs: tuple[tuple[tuple[int, ...], str, str, str], ...]
    steps: tuple[tuple[str, tuple[int, ...]], ...]
    transform: str

    def function(self) -> Callable[..., Any]:
        """Return the program as a function: a number, that of all values nobody uses."""
        used = {place for _, places in self.steps for place in places}

        def f(*args):
            values = list(args)
            for name, places in self.steps:
                values.append(STEPS[name][0](*(values[place] for place in places)))
            ends = [v for i, v in enumerate(values) if i not in used or i == len(values) - 1]
            return sum(np.sum(np.real(np.sin(v))) for v in ends)

        return f

    def vector(self) -> Callable[..., Any]:
        """Return the program as a function that returns its last value."""

        def f(*args):
            values = list(args)
            for name, places in self.steps:
                values.append(STEPS[name][0](*(values[place] for place in places)))
            return values[-1]

        return f

    def arguments(self, second: bool = False) -> tuple[Any, ...]:
        """Return inputs, or others of the same shapes and types in another layout."""
        rng = np.random.default_rng([self.seed, int(second)])
        args: list[Any] = []
        for i, (shape, dtype, layout, kind) in enumerate(self.inputs):
            x = rng.uniform(-1.2, 1.2, shape)
            if dtype.startswith("complex"):
                x = x + 1j * rng.uniform(-1.0, 1.0, shape)
            x = np.asarray(x, dtype)
            if kind == "python":
                args.append(x.item())
            elif kind == "scalar":
                args.append(x[()])
            else:
                args.append(
                    laid_out(x, LAYOUTS[(self.seed + i) % len(LAYOUTS)] if second else layout)
                )
        return tuple(args)


def _hessian_row(f, argnums):
    return autodiff.grad(lambda *xs: np.sum(np.sin(flatten(autodiff.grad(f)(*xs))[0][0])))


TRANSFORMS: dict[str, Callable[[Program], Callable[..., Any]]] = {
    "value": lambda p: p.function(),
    "vector": lambda p: p.vector(),
    "grad": lambda p: autodiff.grad(p.function(), tuple(range(len(p.inputs)))),
    "value_and_grad": lambda p: autodiff.value_and_grad(p.function(), tuple(range(len(p.inputs)))),
    "jacobian": lambda p: autodiff.jacobian(lambda *xs: np.real(p.vector()(*xs)) * 1.0),
    "second": lambda p: _hessian_row(p.function(), 0),
    "hessian": lambda p: autodiff.hessian(p.function()),
    "jvp": lambda p: lambda *xs: autodiff.jvp(p.function(), xs, tuple(x * 0.5 for x in xs)),
    "twice": lambda p: (
        lambda *xs: (
            autodiff.grad(p.function())(*xs)
            + autodiff.grad(lambda *ys: p.function()(*ys) * 0.5)(*xs)
        )
    ),
}


def draw(seed: int) -> Program | None:
    """Return the random program of a seed, or None where its values ran away."""
    rng = random.Random(seed)
    inputs = []
    for _ in range(rng.randint(1, 3)):
        shape = rng.choice(SHAPES)
        dtype = rng.choices(("float64", "float32", "complex128", "complex64"), (80, 8, 10, 2))[0]
        kind = "array"
        if shape == ():
            kind = rng.choice(("python", "scalar", "array"))
        if kind == "python":
            dtype = "float64" if dtype.startswith("float") else "complex128"
        inputs.append((shape, dtype, rng.choice(LAYOUTS), kind))
    empty = Program(seed, tuple(inputs), (), "value")
    values: list[Any] = list(empty.arguments())
    steps: list[tuple[str, tuple[int, ...]]] = []
    names = list(STEPS)
    wanted = rng.randint(1, 8)
    for _ in range(200):
        if len(steps) == wanted:
            break
        name = rng.choice(names)
        places = tuple(
            rng.randrange(0 if rng.random() < 0.4 else max(0, len(values) - 3), len(values))
            for _ in range(1 + (name in PAIRS))
        )
        operands = [values[place] for place in places]
        step, condition = STEPS[name]
        with np.errstate(all="ignore"):
            try:
                if not condition(*operands):
                    continue
                value = step(*operands)
            except Exception:
                continue
        if np.size(value) > MOST or not np.all(np.abs(value) < LARGEST):
            continue
        steps.append((name, places))
        values.append(value)
    return Program(seed, tuple(inputs), tuple(steps), rng.choice(list(TRANSFORMS)))


def _distance(found: Any, wanted: Any, single: bool = False) -> float:
    """Return the largest difference relative to the largest entry, infinite for another form.

    `single`: whether a part was computed in float32, whatever the type of the result.
    """
    x, form = flatten(found)
    y, other = flatten(wanted)
    if form != other:
        return np.inf
    worst = 0.0
    for a, b in zip(x, y, strict=True):
        if np.shape(a) != np.shape(b) or np.result_type(a) != np.result_type(b):
            return np.inf
        a, b = np.asarray(a), np.asarray(b)
        if not np.array_equal(np.isnan(a), np.isnan(b)):
            return np.inf
        finite = np.isfinite(b)
        if not np.array_equal(a[~finite], b[~finite], equal_nan=True):
            return np.inf
        if np.any(finite):
            unit = np.finfo(np.float32 if single else b.dtype).eps if b.dtype.kind in "fc" else 1.0
            scale = max(float(np.max(np.abs(b[finite]))), 1e-3)
            worst = max(worst, float(np.max(np.abs(a[finite] - b[finite]))) / (scale * unit))
    return worst


#: Units of rounding of the largest entry (or of a thousandth) that two orders of summation and
#: a dozen steps may differ by.
ALLOWED = 1e5


def check(program: Program, backends: tuple[str, ...] = ("numpy", "numba")) -> str:
    """Return "right", "invalid" (eager refuses), "refused: …" or "wrong: …"."""
    transform = TRANSFORMS[program.transform](program)
    single = any(dtype in ("float32", "complex64") for _, dtype, _, _ in program.inputs)
    # A number of Python's is as weak as a number of single precision that it meets.
    numbers = any(kind == "python" for *_, kind in program.inputs)
    single |= numbers and any(name == "times float32" for name, _ in program.steps)
    first, second = program.arguments(), program.arguments(second=True)
    with np.errstate(all="ignore"):
        try:
            wanted = [transform(*args) for args in (first, second)]
        except Exception as error:
            return f"invalid: {type(error).__name__}"
        mine = [np.full(k, 7.0) for k in range(1, 40)]
        for backend in backends:
            compiled = autodiff.compile(transform, backend=backend)
            kept = None
            for call, (args, expected) in enumerate(
                ((first, wanted[0]), (second, wanted[1]), (first, wanted[0]))
            ):
                try:
                    found = compiled(*args)
                except Exception as error:
                    return f"refused: {backend}: {type(error).__name__}: {str(error)[:160]}"
                mine += [np.full(k, 7.0) for k in range(1, 40)]
                error = _distance(found, expected, single)
                if not error <= ALLOWED:
                    return f"wrong: {backend}, call {call + 1}: off by {error:.3g} units"
                kinds = [
                    (type(x), type(y))
                    for x, y in zip(flatten(found)[0], flatten(expected)[0], strict=True)
                ]
                if any(x is not y for x, y in kinds):
                    return f"wrong: {backend}, call {call + 1}: types {kinds}"
                if kept is not None and not _distance(kept[0], kept[1], single) <= ALLOWED:
                    return f"wrong: {backend}: a result changed after call {call + 1}"
                kept = (found, expected)
            if any(not (x == 7.0).all() for x in mine):
                return f"wrong: {backend}: an array of the user's changed"
    return "right"


def shrink(program: Program, verdict: str) -> Program:
    """Return a shorter program with the same kind of fault."""
    kind = verdict.split(":")[0]
    while True:
        for i in reversed(range(len(program.steps))):
            place = len(program.inputs) + i
            if any(place in places for _, places in program.steps[i + 1 :]):
                continue
            kept = program.steps[:i] + tuple(
                (name, tuple(p - (p > place) for p in places))
                for name, places in program.steps[i + 1 :]
            )
            shorter = dataclasses.replace(program, steps=kept)
            if kept and in_child(shorter).split(":")[0] == kind:
                program = shorter
                break
        else:
            return program


def in_child(program: Program) -> str:
    """Return the verdict of a program that may kill its process."""
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.fuzz.plans", "--one", _text(program)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONMALLOC": "debug"},
    )
    if ended.returncode:
        return f"crashed: {ended.returncode}: {ended.stderr.strip()[-200:]}"
    return ended.stdout.strip().splitlines()[-1]


def _text(program: Program) -> str:
    return json.dumps(dataclasses.astuple(program))


def _program(text: str) -> Program:
    seed, inputs, steps, transform = json.loads(text)
    return Program(
        seed,
        tuple((tuple(shape), *rest) for shape, *rest in inputs),
        tuple((name, tuple(places)) for name, places in steps),
        transform,
    )


def _children(start: int, count: int, backends: tuple[str, ...]) -> dict[int, str]:
    """Return the verdicts of seeds, run in child processes that are started again if they die."""
    verdicts: dict[int, str] = {}
    seed = start
    while seed < start + count:
        ended = subprocess.run(
            [
                *(sys.executable, "-W", "ignore", "-m", "tests.fuzz.plans"),
                *("--from", str(seed), "--to", str(min(seed + CHUNK, start + count))),
                *(("--backend", *backends) if len(backends) == 1 else ()),
            ],
            capture_output=True,
            text=True,
        )
        for line in ended.stdout.splitlines():
            number, _, verdict = line.partition(" ")
            if number.isdigit():
                verdicts[int(number)] = verdict
                seed = int(number) + 1
        if ended.returncode:
            verdicts[seed] = f"crashed: {ended.returncode}: {ended.stderr.strip()[-200:]}"
            seed += 1
    return verdicts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--backend", choices=["numpy", "numba"], help="only this one")
    parser.add_argument("--one")
    parser.add_argument("--from", dest="start", type=int)
    parser.add_argument("--to", dest="end", type=int)
    options = parser.parse_args()
    backends = (options.backend,) if options.backend else ("numpy", "numba")
    if options.one:
        print(check(_program(options.one), backends))
        return 0
    if options.start is not None:
        for seed in range(options.start, options.end):
            program = draw(seed)
            print(seed, check(program, backends) if program.steps else "invalid: empty", flush=True)
        return 0
    verdicts = _children(options.seed * 1_000_000, options.programs, backends)
    counts = collections.Counter(v.split(":")[0] for v in verdicts.values())
    reasons: dict[str, list[int]] = collections.defaultdict(list)
    for seed, verdict in verdicts.items():
        if verdict.startswith(("wrong", "crashed", "refused")):
            reasons[verdict[:110]].append(seed)
    for reason, seeds in sorted(reasons.items(), key=lambda item: -len(item[1])):
        program = shrink(draw(seeds[0]), verdicts[seeds[0]])
        print(f"{len(seeds)} × {reason}\n    {program}")
    print(dict(counts))
    return int(bool(counts["wrong"] or counts["crashed"] or counts["refused"]))


if __name__ == "__main__":
    sys.exit(main())
