"""Random programs that write into arrays: the derivative is that of the function, or none at all.

``python -m tests.fuzz.writes --programs 3000 --seed 1``: a program makes arrays (by NumPy, of
tensors, as views of others), writes into them (by index, slice, mask, positions that repeat, with
``out=``, in place, by functions that write), under several names, and reads what has become of
them. It is one function, which is run by NumPy on complex arguments (the complex step gives its
derivative to rounding) and differentiated by each transform, eagerly and compiled.
"""

import argparse
import collections
import dataclasses
import random
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg

import autodiff

#: Shapes of arrays, and values beyond which a program is not used.
SHAPES = ((3,), (4,), (2, 3), (3, 3), (2, 2, 2))
LARGEST = 1e3
STEP = 1e-30
#: The one write that is refused: what NumPy does depends on the order in which it reads.
OVERLAP = "a mask puts a part of an array into the array itself"


def _basic(rng: random.Random, shape: tuple[int, ...]) -> Any:
    """Return an index of integers, slices, dots and new axes."""
    index: list[Any] = []
    for n in shape[: rng.randint(0, len(shape))]:
        index.append(
            rng.choice(
                [
                    rng.randrange(-n, n),
                    slice(None),
                    slice(rng.randrange(n), None),
                    slice(None, None, -1),
                    slice(None, None, 2),
                    slice(0, n - 1),
                ]
            )
        )
    if rng.random() < 0.15:
        index.append(Ellipsis)
    if rng.random() < 0.1:
        index.insert(0, None)
    return index[0] if len(index) == 1 and rng.random() < 0.7 else tuple(index)


def _any(rng: random.Random, shape: tuple[int, ...]) -> Any:
    """Return an index, of positions or a mask too."""
    kind = rng.random()
    if kind < 0.6 or not shape:
        return _basic(rng, shape)
    n = shape[0]
    if kind < 0.75:
        return [rng.randrange(-n, n) for _ in range(rng.randint(1, 4))]
    if kind < 0.9:
        mask = [rng.random() < 0.5 for _ in range(int(np.prod(shape)))]
        return np.array(mask).reshape(shape)
    if len(shape) > 1:
        return np.arange(shape[0]), [rng.randrange(shape[1]) for _ in range(shape[0])]
    return np.array([[rng.randrange(n)], [rng.randrange(n)]])


def _fit(value: Any, shape: tuple[int, ...]) -> Any:
    """Return a value made to broadcast to a shape, by NumPy's functions alone."""
    if np.shape(value) == shape or np.shape(value) == ():
        return value
    size = int(np.prod(shape))
    flat = np.ravel(value)
    return np.reshape(np.resize(flat, size), shape) if flat.size else np.zeros(shape)


@dataclasses.dataclass(frozen=True)
class Step:
    """A step of a program: its name, the places of its operands, and its drawn parameters."""

    name: str
    places: tuple[int, ...]
    detail: Any = None


def _np_like(values: list[Any], dtype: Any, shape: tuple[int, ...], kind: str) -> Any:
    makers = {
        "zeros": lambda: np.zeros(shape, dtype),
        "ones": lambda: np.ones(shape, dtype),
        "empty": lambda: _emptied(np.empty(shape, dtype)),
        "full": lambda: np.full(shape, 0.5, dtype),
        "eye": lambda: np.eye(3, dtype=dtype) * 2,
        "array": lambda: np.array([[1.0, 2.0], [3.0, 4.0]], dtype),
        "constant": lambda: np.asarray(CONSTANT, dtype).copy(),
        "integers": lambda: np.arange(6).reshape(2, 3) * np.asarray(0.5, dtype)[()],
        "mask": lambda: (np.tri(3) > 0).astype(dtype),
        "toeplitz": lambda: scipy.linalg.toeplitz(np.asarray([1.0, 2.0, 3.0], dtype)),
        "random": lambda: np.random.default_rng(3).normal(size=(2, 3)).astype(dtype),
        "zeros_like": lambda: np.zeros_like(values[0]),
        "empty_like": lambda: _emptied(np.empty_like(values[-1])),
    }
    return makers[kind]()


def _emptied(x: Any) -> Any:
    x[...] = 0.25
    return x


CONSTANT = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])
MAKERS = (
    *("zeros", "ones", "empty", "full", "eye", "array", "constant", "zeros_like", "empty_like"),
    *("integers", "mask", "toeplitz", "random"),
)
#: Views, and what looks like one and is a copy: which it is, NumPy decides.
VIEWS: dict[str, Callable[..., Any]] = {
    "index": lambda x, detail: x[detail],
    "T": lambda x, detail: x.T,
    "ravel": lambda x, detail: x.ravel(),
    "flatten": lambda x, detail: x.flatten(),
    "reshape": lambda x, detail: x.reshape(-1),
    "reshape columns": lambda x, detail: np.reshape(x, (-1, 1)),
    "swapaxes": lambda x, detail: np.swapaxes(x, 0, -1),
    "flip": lambda x, detail: np.flip(x),
    "new axis": lambda x, detail: x[None],
    "the same": lambda x, detail: x,
    "copy": lambda x, detail: x.copy(),
    "np.copy": lambda x, detail: np.copy(x),
    "asarray": lambda x, detail: np.asarray(x),
    "np.array": lambda x, detail: np.array(x),
    "squeeze": lambda x, detail: np.squeeze(x),
    "split": lambda x, detail: np.array_split(x, 2)[0],
    "row": lambda x, detail: [*x][-1],
}
#: New values.
VALUES: dict[str, Callable[..., Any]] = {
    "sin": np.sin,
    "square": lambda x: x**2,
    "scaled": lambda x: 0.7 * x - 0.2,
    "sum": np.sum,
    "sum of rows": lambda x: np.sum(x, axis=0),
    "product": lambda x: np.prod(x + 1.0),
    "cumsum": np.cumsum,
    "stack": lambda x: np.stack([x, 2 * x]),
    "list": lambda x: np.array([np.sum(x), 1.0, np.sum(x * x)]),
    "mean": lambda x: np.mean(x, axis=-1),
    "times itself reversed": lambda x: x * x[::-1],
    "exp": lambda x: np.exp(-x * x),
}


def _set(x: Any, v: Any, detail: Any) -> None:
    x[detail] = _fit(v, np.shape(x[detail]))


def _add(x: Any, v: Any, detail: Any) -> None:
    x[detail] += _fit(v, np.shape(x[detail]))


def _multiply(x: Any, v: Any, detail: Any) -> None:
    x[detail] *= _fit(np.cos(v), np.shape(x[detail]))


def _number(x: Any, v: Any, detail: Any) -> None:
    x[detail] = 1.5


def _shifted(x: Any, v: Any, detail: Any) -> None:
    x[1:] = x[:-1] * 0.5 + x[1:]


def _shifted_in_place(x: Any, v: Any, detail: Any) -> None:
    x[1:] += x[:-1]


def _rows(x: Any, v: Any, detail: Any) -> None:
    for row in x:
        row *= 0.5
        row += np.sum(v) * 0.1


def _rows_normed(x: Any, v: Any, detail: Any) -> None:
    for row in x:
        row /= 2.0 + np.sum(row) ** 2


def _elements(x: Any, v: Any, detail: Any) -> None:
    for i in range(x.shape[0]):
        x[i] = x[i - 1] * 0.5 + np.sum(v) * (i + 1.0)


def _diagonal(x: Any, v: Any, detail: Any) -> None:
    np.fill_diagonal(x, np.sum(v))


def _put(x: Any, v: Any, detail: Any) -> None:
    np.put(x, [0, -1, 0], np.ravel(v))


def _at(x: Any, v: Any, detail: Any) -> None:
    np.add.at(x, ([0, 1, 0],), np.sum(v))


def _copyto(x: Any, v: Any, detail: Any) -> None:
    np.copyto(x, _fit(v, x.shape), where=np.arange(x.size).reshape(x.shape) % 2 == 0)


def _out(x: Any, v: Any, detail: Any) -> None:
    np.multiply(x, _fit(v, x.shape), out=x)


def _out_of_sum(x: Any, v: Any, detail: Any) -> None:
    np.cumsum(x, axis=0, out=x)


def _fill(x: Any, v: Any, detail: Any) -> None:
    x.fill(np.sum(v))


def _flat(x: Any, v: Any, detail: Any) -> None:
    x.flat[1:] = np.sum(v)


def _swap(x: Any, v: Any, detail: Any) -> None:
    x[0], x[-1] = x[-1] * 1.0, x[0] * 2.0


def _swap_positions(x: Any, v: Any, detail: Any) -> None:
    x[[0, -1]] = x[[-1, 0]]


def _along(x: Any, v: Any, detail: Any) -> None:
    np.put_along_axis(x, np.zeros((*x.shape[:-1], 1), int), np.sum(v), -1)


def _function(x: Any, v: Any, detail: Any) -> None:
    _helper(x[1:], v)


def _helper(part: Any, v: Any) -> None:
    part += np.sum(v)
    part[..., 0] = 0.3


WRITES: dict[str, Callable[..., None]] = {
    "x[i] = v": _set,
    "x[i] += v": _add,
    "x[i] *= v": _multiply,
    "x[i] = 1.5": _number,
    "shifted": _shifted,
    "shifted in place": _shifted_in_place,
    "rows": _rows,
    "rows normed": _rows_normed,
    "elements": _elements,
    "fill_diagonal": _diagonal,
    "put": _put,
    "add.at": _at,
    "copyto": _copyto,
    "out=": _out,
    "out= of cumsum": _out_of_sum,
    "fill": _fill,
    "flat": _flat,
    "swap": _swap,
    "swap positions": _swap_positions,
    "put_along_axis": _along,
    "in a function": _function,
}


def apply(step: Step, values: list[Any], dtype: Any) -> None:
    """Do what a step says, and append what it makes."""
    if step.name in MAKERS:
        values.append(_np_like(values, dtype, step.detail, step.name))
    elif step.name in VIEWS:
        values.append(VIEWS[step.name](values[step.places[0]], step.detail))
    elif step.name in VALUES:
        values.append(VALUES[step.name](values[step.places[0]]))
    else:
        x, v = (values[place] for place in step.places)
        WRITES[step.name](x, v, step.detail)


@dataclasses.dataclass(frozen=True)
class Program:
    """A random program: the shape of its argument and its steps."""

    seed: int
    shape: tuple[int, ...]
    steps: tuple[Step, ...]

    def function(self) -> Callable[..., Any]:
        """Return the program as a function that returns a number made of all its values."""
        steps = self.steps

        def f(x: Any, dtype: Any = float) -> Any:
            values = [x * 1.0]
            for step in steps:
                apply(step, values, dtype)
            return sum(np.sum(np.sin(v) * (i + 1.0)) for i, v in enumerate(values)) * 0.5

        return f

    def argument(self, second: bool = False) -> Any:
        """Return the argument of the program."""
        return np.random.default_rng([self.seed, int(second)]).uniform(-1.0, 1.0, self.shape)


def draw(seed: int) -> Program | None:
    """Return the random program of a seed, or None if it writes nowhere."""
    rng = random.Random(seed)
    shape = rng.choice(SHAPES)
    program = Program(seed, shape, ())
    values: list[Any] = [program.argument().astype(complex) * 1.0]
    steps: list[Step] = []
    wanted = rng.randint(3, 10)
    for _ in range(300):
        if len(steps) == wanted:
            break
        kind = rng.random()
        place = rng.randrange(len(values))
        x = values[place]
        if kind < 0.2:
            step = Step(rng.choice(MAKERS), (), rng.choice(SHAPES))
        elif kind < 0.4:
            name = rng.choice([*VIEWS, "index", "index"])
            index = _basic(rng, np.shape(x)) if name == "index" and np.size(x) else None
            step = Step(name, (place,), index)
        elif kind < 0.5:
            step = Step(rng.choice([*VALUES]), (place,))
        else:
            name = rng.choice([*WRITES, "x[i] = v", "x[i] = v", "x[i] += v", "x[i] *= v"])
            if not np.ndim(x) or not np.size(x):
                continue
            step = Step(name, (place, rng.randrange(len(values))), _any(rng, np.shape(x)))
        with np.errstate(all="ignore"):
            try:
                apply(step, values, complex)
            except Exception:
                # It may have written a part of what it would.
                return draw(seed + 1_000_003)
        if any(np.size(v) > 64 or not np.all(np.abs(v) < LARGEST) for v in values):
            return draw(seed + 1_000_003)
        steps.append(step)
    writes = any(step.name in WRITES for step in steps)
    return Program(seed, shape, tuple(steps)) if writes else None


def expected(program: Program, x: Any) -> tuple[Any, Any]:
    """Return the value and the gradient by the complex step."""
    f = program.function()
    gradient = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        moved = x.astype(complex)
        moved[place] += 1j * STEP
        gradient[place] = np.imag(f(moved, complex)) / STEP
    return f(x), gradient


def check(program: Program, compiled: bool = True) -> str:
    """Return "right", "invalid", "refused: …" or "wrong: …"."""
    f = program.function()
    x, y = program.argument(), program.argument(second=True)
    with np.errstate(all="ignore"):
        try:
            (value, gradient), (value_y, gradient_y) = expected(program, x), expected(program, y)
        except Exception as error:
            return f"invalid: {type(error).__name__}"
        # The sine of a large number keeps few digits, whoever computes it.
        if not all(np.all(np.abs(g) < 1e5) for g in (gradient, gradient_y)):
            return "invalid: large or not finite"
        v = np.random.default_rng(0).uniform(-1.0, 1.0, x.shape)
        ways: dict[str, Callable[[], Any]] = {
            "value_and_grad": lambda: (autodiff.value_and_grad(f)(x), (value, gradient)),
            "jvp": lambda: (
                autodiff.jvp(lambda x: f(x), (x,), (v,)),
                (value, np.sum(gradient * v)),
            ),
            "vmap of grad": lambda: (
                (autodiff.vmap(autodiff.grad(lambda x: f(x)))(np.stack([x, y])),),
                (np.stack([gradient, gradient_y]),),
            ),
        }
        if compiled:
            step = autodiff.compile(autodiff.value_and_grad(f))
            ways["compiled"] = lambda: (step(x), (value, gradient))
            ways["compiled again"] = lambda: (step(y), (value_y, gradient_y))
        kept = x.copy()
        for name, way in ways.items():
            try:
                found, wanted = way()
            except Exception as error:
                return f"refused: {name}: {type(error).__name__}: {str(error)[:140]}"
            for a, b in zip(found, wanted, strict=True):
                if not np.allclose(a, b, rtol=1e-7, atol=1e-9 * max(1.0, np.max(np.abs(b)))):
                    return f"wrong: {name}: {a} is not {b}"
            if not np.array_equal(kept, x):
                return f"wrong: {name}: the argument has changed"
    return "right"


def shrink(program: Program, verdict: str) -> Program:
    """Return a shorter program with the same kind of fault."""
    kind = verdict.split(":")[:2]
    made = [step.name not in WRITES for step in program.steps]
    for i in reversed(range(len(program.steps))):
        place = 1 + sum(made[:i])
        later = program.steps[i + 1 :]
        if made[i]:
            if any(place in step.places for step in later):
                continue
            later = tuple(
                dataclasses.replace(s, places=tuple(p - (p > place) for p in s.places))
                for s in later
            )
        shorter = dataclasses.replace(program, steps=program.steps[:i] + later)
        if check(shorter).split(":")[:2] == kind:
            return shrink(shorter, verdict)
    return program


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--eager", action="store_true", help="make no plans")
    options = parser.parse_args()
    counts: collections.Counter[str] = collections.Counter()
    shown: collections.Counter[str] = collections.Counter()
    for seed in range(options.seed * 1_000_000, options.seed * 1_000_000 + options.programs):
        program = draw(seed)
        verdict = check(program, not options.eager) if program else "invalid: empty"
        counts[verdict.split(":")[0]] += 1
        if verdict.startswith(("wrong", "refused")):
            key = verdict[:60]
            shown[key] += 1
            if shown[key] <= 2:
                print(seed, verdict, shrink(program, verdict), sep="\n    ", flush=True)
    print(dict(counts))
    return int(bool(counts["wrong"] or counts["refused"]))


if __name__ == "__main__":
    sys.exit(main())
