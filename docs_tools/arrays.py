"""The page about arrays of other libraries, with what became of each rule on them.

``python -m docs_tools.arrays > docs/arrays.md``; some minutes. A library that is not installed is
left out.
"""

from collections import Counter
from collections.abc import Iterable
from importlib.util import find_spec

from tests.autodiff.arrays import walking
from tests.autodiff.arrays.walking import Library, Outcome

__all__ = ["page", "section"]

_HEAD = """\
# Arrays of other libraries

A plain NumPy function is differentiated at whatever answers NumPy's protocols
(`__array_ufunc__`, `__array_function__`): arguments and constants may be arrays of Dask, CuPy or
pydata/sparse, and the gradient is one too. JAX and PyTorch answer neither; `autodiff.wrap` stands
between. CuPy answers both, but for `scipy.special`, which `autodiff.wrap(cupy)` finds in
`cupyx.scipy.special`.

```python
import dask.array as da

x = da.random.normal(size=(10**7, 40), chunks=(10**6, 40))
value, gradient = autodiff.value_and_grad(lambda w: np.sum(np.log1p(np.exp(x @ w))))(w)
gradient.compute()  # nothing has been computed before

autodiff.wrap(jax.numpy)  # or torch, or cupy; once
jax.jit(autodiff.grad(f))(jax.numpy.ones(3))
```

- **Lazy arrays stay lazy.** Neither the trace nor a pass computes, but for the rules under *looks
  at values* below, and where your function itself decides by a value (`if x > 0`).
- **NaN.** On the host a gradient that is NaN is computed once more with guarded rules. Elsewhere
  nobody looks: the rules before a mask (`np.where`) are guarded from the start.
- **Constants** are copied when they are used, as NumPy's are: CuPy's and Dask's can be written
  into. An *argument* that your function writes into by another name is not noticed elsewhere.
- **What a library lacks**, most of `scipy.special` and `autodiff.scipy` in JAX and PyTorch, NumPy
  and SciPy compute while the arrays are on the host, universal functions under `jax.jit` too. On a
  GPU, and in CuPy, it is refused. So is a PyTorch tensor there that requires grad: its own
  derivative would be cut off. Arrays of Dask are computed for what only SciPy's compiled code has.
- **Compiled functions.** A plan is of NumPy's arrays: with others, `autodiff.compile(f)` calls `f`.
- **Libraries do not mix.** CuPy refuses an array of NumPy beside its own, and so does the gradient;
  Dask, JAX and PyTorch take it. `sparse @ tensor` ends in an error of pydata/sparse, which does not
  leave the operator to the other operand: write `tensor @ sparse.T`. Where the argument is NumPy's
  and only a constant PyTorch's or JAX's, the gradient is what `autodiff.wrap(xp).asarray` gives,
  with the library's own as `.array`.
- **Functions of NumPy.** Dask's own (`da.sum`, `x.dot`, `map_blocks`) would take a tensor into
  Dask's graph, where the derivative is lost: that raises. PyTorch's refuse one. A constant of
  PyTorch or JAX that meets no tensor (`np.sum(c)`) is not NumPy's to compute:
  `autodiff.wrap(xp).asarray(c)` is.
- **Lengths.** An array of Dask whose chunks are unknown, as of a table or of `x[x > 0]`, is
  refused: `x.compute_chunk_sizes()`, `to_dask_array(lengths=True)`, or `np.where(mask, x, 0.0)`.
- **Types.** `bfloat16` and others that NumPy does not have are refused; `float16` and `float32`
  stay.
- **Second derivatives** look where kinks are (`abs`, `max`, `sort`, a root). Dask computes that,
  and under `jax.jit` JAX refuses it; `jax.jacfwd(autodiff.grad(f))` follows JAX's conventions
  there.
- **GPU.** CuPy is tested by a stand-in that follows its documented rules of dispatch and has the
  functions that CuPy 14 documents; no table here was run on a device. `gradscale run --device cuda`
  times gradients of PyTorch's arrays on one.

## Rows on many workers

[`data_parallel`](https://docs.dask.org/en/stable/futures.html) of `benchmarks/parallel.py` is the
recipe: chunks made by tasks, one compiled function living on each worker, value and gradient added
in a tree. The sum is that of the whole to rounding; the chunks of a lost worker are made again.

```python
def add(left, right=None):  # value and gradient, which may be nested
    if right is None:
        return left
    flat, back = autodiff.ravel(left)
    return back(flat + autodiff.ravel(right)[0])


step = client.scatter(autodiff.compile(autodiff.value_and_grad(loss)), broadcast=True, hash=False)
parts = [client.submit(lambda f, w, chunk: f(w, *chunk), step, w, chunk) for chunk in chunks]
while len(parts) > 1:
    parts = [client.submit(add, *parts[i : i + 2]) for i in range(0, len(parts), 2)]
value, gradient = parts[0].result()
```

## What became of each rule

Each rule of the table, VJP and JVP, at one example, held against NumPy's to 1e-9. *Not its
function* means that the library does not compute the function itself, so no gradient is met.
Dask, JAX and PyTorch have 95 % of the table or more. CuPy cannot, for want of the functions that
are named below; it has 95 % of those that are its own.
`pytest tests/autodiff/arrays -m exhaustive` holds the shares.
This part is made by `python -m docs_tools.arrays`.
"""


def section(library: Library) -> str:
    """Return the part of the page about a library."""
    found = walking.outcomes(library)
    count = Counter(x.status for x in found)
    own = count["right"] + count["failed"]
    lines = [
        f"### {library.name}",
        "",
        "| rules | right | of its own functions | of the table |",
        "|--:|--:|--:|--:|",
        f"| {len(found)} | {count['right']} | {count['right'] / own:.1%} | "
        f"{count['right'] / len(found):.1%} |",
        "",
    ]
    failed = [x for x in found if x.status == "failed"]
    if failed:
        lines += ["| reason | failed |", "|---|---|"]
        lines += _by_reason((x.reason, f"{x.primitive} ({x.mode})") for x in failed)
        lines += [""]
    looking = sorted({x.primitive for x in found if x.looks})
    if looking:
        lines += [f"{library.looking}: {', '.join(looking)}.", ""]
    return "\n".join([*lines, _absent(found)])


def _by_reason(found: Iterable[tuple[str, str]]) -> list[str]:
    """Return the rows of a table, one for each reason."""
    names: dict[str, list[str]] = {}
    for reason, name in found:
        names.setdefault(reason.replace(f"'{name}'", "it"), []).append(name)
    return [f"| {_cell(reason)} | {', '.join(x)} |" for reason, x in names.items()]


def _absent(found: list[Outcome]) -> str:
    """Return the functions that a library has not, by the reason that it gives."""
    own = [x for x in found if x.status == "absent" and x.mode == "vjp"]
    plain = sorted({x.primitive for x in own if "is none of its functions" in x.reason})
    lines = [f"Not its functions (no answer to the protocol): {', '.join(plain)}."] if plain else []
    others = [x for x in own if "is none of its functions" not in x.reason]
    if others:
        lines += ["", "| reason | not its function |", "|---|---|"]
        lines += _by_reason((x.reason, x.primitive) for x in others)
    return "\n".join([*lines, ""])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def page() -> str:
    """Return the page."""
    libraries = [walking.standin(), walking.cupy()]
    libraries += [getattr(walking, x)() for x in ("dask", "jax", "torch") if find_spec(x)]
    return "\n".join([_HEAD, *map(section, libraries)])


if __name__ == "__main__":
    print(page(), end="")
