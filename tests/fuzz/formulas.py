"""Random programs: the four strategies give one gradient, or say why they can't.

``python -m tests.fuzz.formulas --programs 5000 --seed 1``: programs are lines of NumPy on a vector,
a square matrix and a scalar: elementwise functions, products, norms, exponentials that overflow
when written naively, choices that guard a division or a root, views, aliases, assignment and
in-place operators. They run at special points (zeros, ties, ones) among others, by every strategy,
by the matrix strategy with names as lengths, and as pasted source; what one gives, all give, and
central differences where both sides agree. What differs is made shorter before it is printed.
"""

import argparse
import collections
import random
import re
import warnings

import numpy as np
import scipy.special

from symdiff import ExpressionTooLarge, Untraceable, gradient

STRATEGIES = ("expanded", "shared", "adjoint", "matrix")
N = 3
LARGEST = 1e3
POINTS = (0.0, 0.0, 0.0, 1.0, -1.0, 0.5, 2.0, -0.25, 1.5)

#: What a line makes: a scalar, a vector or a matrix. {s}, {v}, {m} are values that are there,
#: {v0} is one vector throughout.
SCALARS = (
    "np.sum({v})",
    "np.linalg.norm({v})",
    "np.linalg.norm({v} - {v}) ** 2",
    "0.5 * np.linalg.norm({v}) ** 2",
    "np.sqrt(1 + np.linalg.norm({v}) ** 2)",
    "np.sqrt(np.sum({v} ** 2))",
    "np.sqrt({s} ** 2 + {s} ** 2)",
    "{v} @ {v}",
    "{v} @ {m} @ {v}",
    "np.max({v})",
    "np.std({v})",
    "np.trace({m})",
    "np.log(np.sum(np.exp({v})))",
    "np.log(np.mean(np.exp({v})))",
    "np.log(np.exp({s}) + np.exp({s}) + 1)",
    "{s} * {s}",
    "{s} - {s}",
    "{s} / (1 + {s} ** 2)",
    "np.abs({s})",
    "np.maximum({s}, {s})",
    "np.where({s} > 0, np.sqrt({s}), 0.0)",
    "np.where({s} != 0, {s} / {s}, 1.0)",
    "np.where({s} > 0, np.sum({v}) / {s}, {s})",
    "np.where({s} > {s}, np.log({s} - {s}), {s})",
    "{v}[0]",
    "{v}[-1] * {m}[1, 2]",
    "np.mean({m})",
    "np.sum(np.abs({v}))",
    "np.sum(np.where({v} > 0, {v} ** {s}, 0.0))",
    "np.prod({v})",
    "np.median({v})",
    "np.ptp({v})",
    "np.linalg.norm({v}, 1)",
    "np.linalg.det({m} @ {m}.T + np.eye({m}.shape[0]))",
    "np.linalg.slogdet({m} @ {m}.T + np.eye({m}.shape[0]))[1]",
    "np.linalg.solve({m} @ {m}.T + np.eye({m}.shape[0]), {v})[0]",
    "np.trapezoid({v})",
    "np.polyval({v}, {s})",
    "scipy.special.logsumexp({v})",
    "np.heaviside({s}, 0.5) * {s}",
)
VECTORS = (
    "np.sin({v})",
    "np.exp(-({v} ** 2))",
    "np.tanh({v})",
    "{v} + {v}",
    "{v} - {s}",
    "{v} * {s}",
    "{v} * {v}",
    "{v} ** 3",
    "{v} ** 2 / 2",
    "{m} @ {v}",
    "{v} @ {m}",
    "{m}[0]",
    "{m}.T[1]",
    "{v}[::-1]",
    "np.maximum({v}, 0)",
    "np.minimum({v}, {s})",
    "np.clip({v}, -1, 1)",
    "np.abs({v})",
    "np.where({v} > 0, np.sqrt({v}), 0.0)",
    "np.where({v} > 0, {v} * np.log({v}), {v})",
    "np.where({v} != 0, np.sin({v}) / {v}, 1.0)",
    "np.where({v} > {v}, {v} / ({v} - {v}), {v})",
    "np.where({v} < 1, {v}, np.sqrt({v} - 1))",
    "1 / (1 + np.exp(-{v}))",
    "np.log(1 / (1 + np.exp(-500 * {v})))",
    "np.log(1 + np.exp(300 * {v}))",
    "np.exp(400 * {v0}) / np.sum(np.exp(400 * {v0}))",
    "np.log(np.exp({v0}) / np.sum(np.exp({v0})))",
    "np.linalg.norm({m}, axis=1)",
    "np.sqrt(np.sum({m} ** 2, axis=0))",
    "np.log(np.sum(np.exp(200 * {m}), axis=1))",
    "np.sum({m}, axis=0)",
    "np.max({m}, axis=1)",
    "np.diagonal({m})",
    "np.sqrt({v} ** 2 + 1)",
    "np.sort({v})",
    "np.cumsum({v})",
    "np.cumprod({v})",
    "np.roll({v}, 1)",
    "np.diff({v}, prepend={s})",
    "np.convolve({v}, {v}, 'same')",
    "np.cross({v}, {v})",
    "np.select([{v} > 1, {v} > 0], [{v} ** 2, np.sqrt({v})], -{v})",
    "np.piecewise({v}, [{v} > 0], [np.log, lambda t: t])",
    "np.hypot({v}, {v})",
    "np.arctan2({v}, {s})",
    "np.sinc({v})",
    "np.repeat({v}, [0, 2, 1])",
    "np.sort({m}, axis=0)[1]",
    "np.median({m}, axis=1)",
    "np.prod({m}, axis=0)",
    "scipy.special.erf({v}) + scipy.special.log_ndtr(20 * {v})",
    "scipy.special.xlogy({v}, {v} ** 2)",
    "scipy.special.softmax(50 * {v})",
    "scipy.special.expit(300 * {v})",
    "np.linalg.solve({m} @ {m}.T + np.eye({m}.shape[0]), {v})",
    "np.lib.stride_tricks.sliding_window_view(np.pad({v}, 1), 3) @ {v}",
)
MATRICES = (
    "np.outer({v}, {v})",
    "{m} @ {m}",
    "{m}.T",
    "{m} * {v}",
    "{m} - {v}[:, None]",
    "np.tanh({m})",
    "{v}[:, None] - {v}[None, :]",
    "np.where({m} > 0, np.sqrt({m}), 0.0)",
    "np.exp({m}) / np.sum(np.exp({m}), axis=1, keepdims=True)",
    "{m} + {m}",
    "{s} * {m}",
    "np.diag({v})",
    "np.stack([{v}, {v}, {v}])",
    "np.where({v} > 0, {m}, 2 * {m})",
    "np.linalg.inv({m} @ {m}.T + np.eye({m}.shape[0]))",
    "np.linalg.cholesky({m} @ {m}.T + np.eye({m}.shape[0]))",
    "np.linalg.matrix_power({m}, 2)",
    "np.cov({m})",
    "np.cumsum({m}, axis=1)",
    "np.roll({m}, 1, axis=0)",
    "np.tensordot({m}, {m}, axes=([0], [1]))",
    "np.kron({v}, {v}).reshape(3, 3)",
    "np.rot90({m})",
    "np.sort({m})",
)
#: Lines that write: {new} is the value they leave.
WRITES = (
    ("v", "{new} = {v}.copy()\n{new}[0] = {s}"),
    ("v", "{new} = {v} * 1.0\n{new} += {v}"),
    ("v", "{new} = np.sin({v})\n{new}_too = {new}\n{new}_too *= {s}"),
    ("v", "{new} = {v} * 2\n{new}[1:] -= {v}[:-1]"),
    ("v", "{new} = {v} + 0.0\n{new}[{new} > 0] = {s}"),
    ("v", "{new} = np.zeros_like({v})\n{new}[1:] = {v}[:-1]"),
    ("v", "{new} = {m} * 1.0\n{new} = {new}[0]\n{new} /= 1 + {s} ** 2"),
    ("v", "{new} = {v} + 0.0\n{new}[[0, 2]] = {v}[1:] * {s}"),
    ("m", "{new} = {m} + 0.0\n{new}[0] -= {v}"),
    ("m", "{new} = {m} * 1.0\nfor row in {new}:\n    row /= 1 + np.sum(row ** 2)"),
    ("m", "{new} = {m} * 1.0\n{new}.T[0] = {v}"),
    ("m", "{new} = {m} - 0.0\n{new}[:, 1] *= {s}"),
    ("m", "{new} = {m} * 1.0\nview = {new}[1:]\nview[:, 0] = {s}\nview += {v}"),
    ("m", "{new} = np.exp(-({m} ** 2))\n{new}[...] = {new}.T * {s}"),
)


#: Where these tie, the derivative is a convention, and the function may yet have another one.
_KINKS = r"np\.(max|min|abs|clip|sort|median|ptp|heavi|select|piece)|, 1\)|> 0\] ="
#: What tells 0 from the next number.
_STEPS = r" > |arctan2"
#: The root of what is left of 1 by what is 1 but for 1e-196: differences see no slope.
_SATURATED = r"(?s)(expit|tanh|erf|ndtr).*np\.sqrt\(\w+ - 1\)"
#: What ties but for the rounding of thirds.
_TIES = r"(?s)np\.cov.*np\.(max|min|sort|median|ptp)"


class Program:
    """Lines of a function of x, A and s, and the point at which it runs."""

    def __init__(self, lines, result, point):
        self.lines, self.result, self.point = lines, result, point

    def __str__(self):
        body = "\n".join(self.lines) + f"\nreturn {self.result}"
        return "def f(x, A, s):\n" + "\n".join(f"    {line}" for line in body.split("\n"))

    @property
    def function(self):
        space = {"np": np, "scipy": scipy}
        exec(str(self), space)
        return space["f"]

    def copied(self):
        return _copies(self.point)


def _filled(template, known, draw, new=""):
    template = template.replace("{v0}", draw.choice(known["v"]))
    text = re.sub(r"\{([svm])\}", lambda match: draw.choice(known[match[1]]), template)
    return text.replace("{new}", new)


def draw(seed, steps=7):
    """Return a random program that runs, its values of moderate size."""
    rng = random.Random(seed)
    point = {
        "x": np.array([rng.choice(POINTS) for _ in range(N)]),
        "A": np.array([[rng.choice(POINTS) for _ in range(N)] for _ in range(N)]),
        "s": np.float64(rng.choice(POINTS)),
    }
    known = {"s": ["s"], "v": ["x"], "m": ["A"]}
    lines = []
    for number in range(rng.randint(2, steps)):
        new = f"t{number}"
        if rng.random() < 0.25:
            kind, template = rng.choice(WRITES)
            line = _filled(template, known, rng, new)
        else:
            kind = rng.choice("svvm")
            template = rng.choice({"s": SCALARS, "v": VECTORS, "m": MATRICES}[kind])
            line = f"{new} = {_filled(template, known, rng)}"
        try:
            with np.errstate(all="ignore"):
                found = Program([*lines, line], new, point).function(**_copies(point))
        except (ValueError, IndexError):
            continue
        if np.all(np.isfinite(found)) and np.all(np.abs(found) < LARGEST):
            lines.append(line)
            known[kind].append(new)
    ends = [f"np.sum({known['v'][-1]})", f"np.sum({known['m'][-1]} ** 2)", known["s"][-1]]
    return Program(lines, " + ".join(ends), point)


def _copies(point):
    return {name: np.array(value) if np.ndim(value) else value for name, value in point.items()}


def _along(function, point, direction, step):
    with np.errstate(all="ignore"):
        moved = {name: value + step * direction[name] for name, value in point.items()}
        return float(function(**moved))


def _differences(function, point, seed):
    """Return a direction and the derivative along it, None where the two sides differ."""
    rng = np.random.default_rng(seed)
    direction = {name: rng.normal(size=np.shape(value)) for name, value in point.items()}
    middle = _along(function, point, direction, 0.0)
    found = []
    for step in (1e-5, -1e-5, 1e-6, -1e-6):
        found.append((_along(function, point, direction, step) - middle) / step)
    if not np.isfinite(found).all() or np.ptp(found) > 1e-2 * (1 + min(map(abs, found))):
        return direction, None  # a kink, or a jump
    return direction, (found[0] + found[1]) / 2


def _same(a, b, tolerance=1e-7):
    """Return whether derivatives agree: where they are finite, and that they are so there."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    finite = np.isfinite(a)
    if not np.array_equal(finite, np.isfinite(b)):
        return False
    a, b = a[finite], b[finite]
    scale = np.max(np.abs(np.concatenate([a, b])), initial=1.0)
    return bool(np.all(np.abs(a - b) <= tolerance * scale))


def _lie_between(pair, name, point):
    """Return whether derivatives lie between those on the sides of a point, as a mean does."""
    rng, sides = np.random.default_rng(0), []
    for _ in range(12):
        moved = {key: x + 1e-9 * rng.normal(size=np.shape(x)) for key, x in point.items()}
        sides += [np.asarray(g.value_and_gradient(**moved)[1][name]) for g, _ in pair]
    low, high = np.min(sides, axis=0) - 1e-5, np.max(sides, axis=0) + 1e-5
    return all(np.all((low <= x) & (x <= high)) for _, x in pair)


def check(program, seed=0):
    """Return "right", "refused: ..." or "wrong: ..." with what differs."""
    f = program.function
    with np.errstate(all="ignore"):
        value = float(f(**program.copied()))
    if not np.isfinite(value):
        return "invalid"
    shapes = {"x": (N,), "A": (N, N), "s": ()}
    named = {"x": ("n",), "A": ("n", "n"), "s": ()}
    found, formulas, refused = {}, {}, []
    for strategy in (*STRATEGIES, "matrix, named"):
        given = named if strategy == "matrix, named" else shapes
        try:
            g = gradient(f, strategy=strategy.partition(",")[0], inputs=given)
        except ExpressionTooLarge:
            continue
        except Exception as error:
            if not isinstance(error, Untraceable | TypeError | ValueError):
                return f"wrong: {strategy} raises {error!r} when it is derived"
            if strategy != "matrix, named":
                refused.append(f"{strategy}: {error}")
            continue
        try:
            with np.errstate(all="ignore"):
                formulas[strategy] = g
                found[strategy] = g.value_and_gradient(**program.point)
        except Exception as error:
            return f"wrong: {strategy} raises {error!r}"
        if not np.isclose(found[strategy][0], value, rtol=1e-9, atol=1e-9):
            if re.search(r"np\.log\(.*np\.exp", str(program)) and re.search(_STEPS, str(program)):
                return "chosen by rounding"  # log(1 + exp(-75)) is 0 in NumPy, and 3e-33 here
            turns = (found[strategy][0] - value) / (2 * np.pi)
            if "arctan2" in str(program) and abs(turns - round(turns)) < 1e-9:
                return "chosen by rounding"  # the angle of (-1, -0.0), or of (-1, 0.0)
            return f"wrong: {strategy} has the value {found[strategy][0]}, NumPy {value}"
        space = {}
        exec(g.source, space)
        try:
            with np.errstate(all="ignore"):
                pasted = space["value_and_gradient"](*program.copied().values())
        except (ArithmeticError, ValueError) as error:
            if all(np.isfinite(entry).all() for entry in found[strategy][1].values()):
                return f"wrong: pasted source of {strategy} raises {error!r}"
            continue
        for name, entry in pasted[1].items():
            if not _same(entry, found[strategy][1][name]):
                return f"wrong: pasted source of {strategy} differs by {name}"
    if refused:
        return f"refused: {refused[0]}"
    first, *rest = found
    for other in rest:
        for name in shapes:
            one, two = found[first][1][name], found[other][1][name]
            if not _same(one, two):
                both = np.isfinite(one) & np.isfinite(two)
                if other == "matrix" and _same(np.where(both, one, 0), np.where(both, two, 0)):
                    return "not a number: matrix, where the others have a derivative"
                pair = ((formulas[first], one), (formulas[other], two))
                if re.search(_TIES, str(program)) and _lie_between(pair, name, program.point):
                    return "chosen by rounding"
                return f"wrong: {first} and {other} differ by {name}: {one} and {two}"
    direction, expected = _differences(f, program.point, seed)
    if expected is not None and not re.search(_KINKS, str(program)):
        slopes = found[first][1]
        along = sum(np.sum(slopes[name] * direction[name]) for name in shapes)
        if np.isnan(along):
            return "no derivative"
        if np.isinf(along) and re.search(_SATURATED, str(program)):
            return "chosen by rounding"  # expit(450) is 1, and the root of what is left of it
        if abs(along - expected) > 1e-2 * (1 + abs(expected)):
            return f"wrong: differences give {expected}, the formulas {along}"
    return "right"


def shorter(program, verdict):
    """Return a program with the same kind of verdict and as few lines as can be."""
    kind = verdict.partition(":")[0]
    again = True
    while again:
        again = False
        for k in range(len(program.lines)):
            candidate = Program(
                program.lines[:k] + program.lines[k + 1 :], program.result, program.point
            )
            candidates = [candidate]
            for end in program.result.split(" + "):
                candidates.append(Program(program.lines, end, program.point))
            for candidate in candidates:
                if (len(candidate.lines), len(candidate.result)) >= (
                    len(program.lines),
                    len(program.result),
                ):
                    continue
                try:
                    same = check(candidate).partition(":")[0] == kind
                except Exception:
                    continue
                if same:
                    program, again = candidate, True
                    break
            if again:
                break
    return program


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--programs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--most", type=int, default=10, help="differences that are printed")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    counts, wrong = collections.Counter(), 0
    for seed in range(options.seed, options.seed + options.programs):
        program = draw(seed)
        verdict = check(program, seed)
        counts[verdict.partition(":")[0]] += 1
        if verdict.startswith("refused"):
            counts[verdict[:150]] += 1
        if verdict.startswith("wrong"):
            wrong += 1
            if wrong <= options.most:
                program = shorter(program, verdict)
                print(f"seed {seed}\n{program}\n{program.point}\n{check(program)}\n", flush=True)
    for name, count in counts.most_common():
        print(f"{count:6}  {name}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
