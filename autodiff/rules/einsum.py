"""Rules of Einstein's summation: linear in each operand, so each VJP is such a sum again.

Every call becomes the primitive `EINSUM` in a normal form: all labels are letters, the output is
explicit, and no operand carries a label twice. Repeated labels are diagonals, taken beforehand.
"""

import operator
from collections.abc import Sequence
from math import prod
from string import ascii_letters
from typing import Any

import numpy as np

from autodiff.core.libraries import beside, elsewhere
from autodiff.core.primitive import PRIMITIVES, Array, Primitive, handles, linear
from autodiff.core.tensor import Tensor, record

#: From this number of multiplications on, finding an order for them costs less than it saves.
_WORTH_ORDERING = 30_000
#: Products of matrices use each number many times; where none is, plain loops are faster.
_REUSE = 8

Labels = tuple[Any, ...]


def _einsum(*operands: Array, subscripts: str, optimize: Any) -> Array:
    return np.einsum(subscripts, *operands, optimize=optimize)


def _take_diagonals(x: Array, *, subscripts: str, shape: tuple[int, ...]) -> Array:
    if type(x) is Tensor:
        return record(DIAGONALS, (x,), {"subscripts": subscripts, "shape": shape})
    if hasattr(x, "rechunk"):
        # Dask takes diagonals only of axes that are cut alike.
        x = x.rechunk(-1)
    return np.einsum(subscripts, x)


def _put_diagonals(g: Array, *, subscripts: str, shape: tuple[int, ...]) -> Array:
    """Return zeros of a shape with `g` on the diagonals that `subscripts` takes."""
    if type(g) is Tensor:
        return record(UNDIAGONALS, (g,), {"subscripts": subscripts, "shape": shape})
    if elsewhere(g) is not None:
        mask = np.zeros(shape, bool)
        np.einsum(subscripts, mask)[...] = True
        source, target = subscripts.split("->")
        first = [source.index(label) == i for i, label in enumerate(source)]
        order = [target.index(label) for label, new in zip(source, first, strict=True) if new]
        wide = [n if new else 1 for n, new in zip(shape, first, strict=True)]
        return np.reshape(np.transpose(g, order), wide) * beside(g, mask)
    x_bar = np.zeros(shape, g.dtype)
    # Without a sum einsum gives a view, which can be written through.
    np.einsum(subscripts, x_bar)[...] = g
    return x_bar


def _diagonals_batch(primitive: Any, xs: Any, on: Any, params: Any) -> Array:
    source, target = params["subscripts"].split("->")
    label = _unused(source)
    return record(
        primitive,
        (xs[0],),
        {
            "subscripts": f"{label}{source}->{label}{target}",
            "shape": (xs[0].shape[0], *params["shape"]),
        },
    )


def _einsum_batch(primitive: Any, xs: Any, on: Any, params: Any) -> Array:
    sources, target = params["subscripts"].split("->")
    label = _unused(sources)
    terms = [
        label + term if mine else term for term, mine in zip(sources.split(","), on, strict=True)
    ]
    subscripts = f"{','.join(terms)}->{label}{target}"
    return record(primitive, tuple(xs), {**params, "subscripts": subscripts})


def _unused(labels: str) -> str:
    """Return a letter for the axis of a batch."""
    free = [letter for letter in ascii_letters if letter not in labels]
    if not free:
        raise ValueError(f"einsum: all {len(ascii_letters)} labels are used: vmap needs one more")
    return free[-1]


_DIAGONAL_EXAMPLES: list[Any] = [
    (((3, 3),), {"subscripts": "aa->a", "shape": (3, 3)}),
    (((2, 3, 2),), {"subscripts": "aba->ab", "shape": (2, 3, 2)}),
    (((2, 2, 2),), {"subscripts": "aaa->a", "shape": (2, 2, 2)}),
]

DIAGONALS = linear(
    "diagonals",
    _take_diagonals,
    lambda g, out, x, **params: _put_diagonals(g, **params),
    examples=_DIAGONAL_EXAMPLES,
    batch=_diagonals_batch,
)
UNDIAGONALS = linear(
    "undiagonals",
    _put_diagonals,
    lambda g, out, x, **params: _take_diagonals(g, **params),
    examples=[
        (((3,),), {"subscripts": "aa->a", "shape": (3, 3)}),
        (((2, 3),), {"subscripts": "aba->ab", "shape": (2, 3, 2)}),
    ],
    batch=_diagonals_batch,
)


def _worth_ordering(terms: Sequence[str], lengths: dict[str, int]) -> bool:
    """Return whether a sum of products is done faster in an order that is looked for.

    Measured: products of two matrices of 30 rows are the first that are; sums of products that
    use each number once are slower at any size, as their axes are brought into order first.
    """
    multiplications = prod(lengths.values())
    if multiplications < _WORTH_ORDERING:
        return False
    largest = max(prod(lengths[label] for label in term) for term in terms)
    return len(terms) > 3 or multiplications >= _REUSE * largest


def _einsum_vjp(
    g: Array, out: Array, *operands: Array, subscripts: str, optimize: Any, argnum: int
) -> Array:
    sources, target = subscripts.split("->")
    terms = sources.split(",")
    own, shape = terms[argnum], np.shape(operands[argnum])
    others = [i for i in range(len(operands)) if i != argnum]
    lengths = dict(zip(target, np.shape(g), strict=True))
    for i in others:
        for label, length in zip(terms[i], np.shape(operands[i]), strict=True):
            # An axis of length 1 is broadcast against others with the same label.
            if length != 1 or label not in lengths:
                lengths[label] = length
    # Labels that only this operand has, and axes that it broadcasts, are none of the product's.
    kept = [
        (label, length)
        for label, length in zip(own, shape, strict=True)
        if label in lengths and (length != 1 or lengths[label] == 1)
    ]
    labels = "".join(label for label, _ in kept)
    terms = [target, *(terms[i] for i in others)]
    faster = _worth_ordering([*terms, labels], lengths)
    x_bar = np.einsum(
        f"{','.join(terms)}->{labels}", g, *(operands[i] for i in others), optimize=faster
    )
    if np.shape(x_bar) == shape:
        return x_bar
    expanded = tuple(lengths[label] if label in labels else 1 for label in own)
    return np.broadcast_to(np.reshape(x_bar, expanded), shape)


def _einsum_jvp(
    x_dot: Array, out: Array, *operands: Array, subscripts: str, optimize: Any, argnum: int
) -> Array:
    moved = (*operands[:argnum], x_dot, *operands[argnum + 1 :])
    return np.einsum(subscripts, *moved, optimize=optimize)


EINSUM = PRIMITIVES["einsum"] = Primitive(
    name="einsum",
    function=_einsum,
    kind="general",
    vjps=(_einsum_vjp,),
    jvps=(_einsum_jvp,),
    variadic=True,
    complex=True,
    batch=_einsum_batch,
    examples=tuple(
        (shapes, {"subscripts": subscripts, "optimize": optimize})
        for subscripts, shapes, optimize in [
            ("ab,bc->ac", ((2, 3), (3, 4)), False),
            ("ab,bc->ac", ((2, 3), (1, 4)), False),
            ("ab,b,ca->c", ((2, 3), (3,), (4, 2)), True),
            ("a,b,c,a->cba", ((2,), (3,), (1,), (2,)), "greedy"),
            ("abc->b", ((2, 3, 4),), False),
            ("ab->ba", ((2, 3),), False),
            ("ab,cb->", ((2, 3), (1, 1)), False),
            (",a->a", ((), (3,)), False),
            ("ab,ab->b", ((1, 3), (0, 3)), False),
        ]
    ),
)


@handles(np.einsum)
def einsum(
    *operands: Any,
    optimize: Any = False,
    dtype: Any = None,
    order: str = "K",
    casting: str = "safe",
) -> Array:
    """Return the sum of products that subscripts describe."""
    terms, output, arrays = _parsed(operands)
    if dtype is not None:
        arrays = [_converted(x, np.dtype(dtype), casting) for x in arrays]
    labels = tuple(dict.fromkeys(label for term in terms for label in term))
    if len(labels) > len(ascii_letters):
        raise ValueError(f"einsum: {len(labels)} different labels; {len(ascii_letters)} at most")
    letters = dict(zip(labels, ascii_letters, strict=False))
    named = ["".join(letters[label] for label in term) for term in terms]
    for i, term in enumerate(named):
        once = "".join(dict.fromkeys(term))
        if once != term:
            shape = np.shape(arrays[i])
            if len(set(zip(term, shape, strict=True))) > len(once):
                raise ValueError(
                    f"einsum: operand {i} of shape {shape} has a label on axes of several lengths"
                )
            arrays[i] = _take_diagonals(arrays[i], subscripts=f"{term}->{once}", shape=shape)
            named[i] = once
    subscripts = f"{','.join(named)}->{''.join(letters[label] for label in output)}"
    return record(EINSUM, tuple(arrays), {"subscripts": subscripts, "optimize": optimize})


@handles(np.einsum_path, derivative=False)
def einsum_path(*operands: Any, optimize: Any = "greedy") -> Any:
    """Return in which order to multiply, which depends on shapes only."""
    shapes = [np.broadcast_to(0.0, x.shape) if type(x) is Tensor else x for x in operands]
    return np.einsum_path(*shapes, optimize=optimize)


def _converted(x: Array, dtype: np.dtype, casting: Any) -> Array:
    own = np.result_type(x)
    if own == dtype:
        return x
    if not np.can_cast(own, dtype, casting):
        raise TypeError(f"einsum: casting={casting!r} does not allow {own} to become {dtype}")
    return np.astype(x, dtype)


def _parsed(operands: Sequence[Any]) -> tuple[list[Labels], Labels, list[Array]]:
    """Return the labels of each operand and of the output, and the operands.

    Axes that an ellipsis stands for are labelled by their place counted from the last: ``(-1,)``.
    """
    if operands and isinstance(operands[0], str):
        terms, output, arrays = _split(operands[0]), None, list(operands[1:])
        if "->" in operands[0]:
            *_, output = terms
            terms = terms[:-1]
    else:
        count = len(operands) // 2
        arrays, listed = list(operands[: 2 * count : 2]), operands[1 : 2 * count : 2]
        terms = [_numbered(labels) for labels in listed]
        output = _numbered(operands[-1]) if len(operands) % 2 else None
    if not arrays or len(terms) != len(arrays):
        raise ValueError(
            f"einsum: {len(terms)} operands in the subscripts, but {len(arrays)} arrays arrived"
        )
    arrays = [x if hasattr(x, "shape") else np.asarray(x) for x in arrays]
    full = [_expanded(t, np.ndim(x), i) for i, (t, x) in enumerate(zip(terms, arrays, strict=True))]
    shared = sorted({label for term in full for label in term if isinstance(label, tuple)})
    present = [label for term in full for label in term]
    if output is None:
        plain = sorted({label for label in present if not isinstance(label, tuple)})
        return full, (*shared, *(x for x in plain if present.count(x) == 1)), arrays
    target = tuple(x for label in output for x in (shared if label is Ellipsis else (label,)))
    for label in target:
        if label not in present:
            raise ValueError(f"einsum: the output has label {label!r}, which no operand has")
        if target.count(label) > 1:
            raise ValueError(f"einsum: the output has label {label!r} more than once")
    if shared and Ellipsis not in output:
        raise ValueError(
            "einsum: an operand has axes under '...', but the output has no '...': "
            "name the axes to sum over them"
        )
    return full, target, arrays


def _split(subscripts: str) -> list[Labels]:
    """Return the labels of each term of a string, the output last if there is one."""
    text = subscripts.replace(" ", "")
    if text.count("->") > 1 or set(text.replace("->", "")) & set("->"):
        raise ValueError(f"einsum: {subscripts!r} may contain '->' only once")
    terms = [part for side in text.split("->") for part in [side.split(",")]]
    if len(terms) == 2 and len(terms[1]) > 1:
        raise ValueError(f"einsum: {subscripts!r} has more than one output")
    labels = []
    for term in (t for side in terms for t in side):
        around = term.split("...")
        wrong = set("".join(around)) - set(ascii_letters)
        if len(around) > 2 or wrong:
            raise ValueError(
                f"einsum: the term {term!r} of {subscripts!r} may contain letters and one '...'"
            )
        labels.append((*around[0], *((Ellipsis, *around[1]) if len(around) == 2 else ())))
    return labels


def _numbered(labels: Any) -> Labels:
    """Return the labels of one operand given as a list of integers."""
    try:
        return tuple(x if x is Ellipsis else operator.index(x) for x in labels)
    except TypeError:
        raise TypeError(
            f"einsum: {labels!r} is no list of labels: they are integers and Ellipsis"
        ) from None


def _expanded(term: Labels, ndim: int, argnum: int) -> Labels:
    """Return the labels of all axes, those under an ellipsis by their place from the last."""
    hidden = ndim - sum(label is not Ellipsis for label in term)
    if hidden < 0 or (hidden and Ellipsis not in term) or term.count(Ellipsis) > 1:
        raise ValueError(
            f"einsum: operand {argnum} has {ndim} axes, but its subscripts name "
            f"{len(term)}{' and one ...' if Ellipsis in term else ''}"
        )
    places = [(i,) for i in range(-hidden, 0)]
    return tuple(x for label in term for x in (places if label is Ellipsis else (label,)))
