"""Functions of one element as functions of many at once: `vmap`."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.core import substitution
from autodiff.core.batching import batch_tape, in_batch, of_batch
from autodiff.core.constants import is_plain
from autodiff.core.libraries import ADAPTERS, called_wrapped, sized
from autodiff.core.pytrees import Structure, flatten, parts_of
from autodiff.core.tape import Tape
from autodiff.core.tensor import Tensor, assembled
from autodiff.graph.trace import check_result

__all__ = ["vmap"]

Axis = int | np.integer[Any] | None


def vmap(
    f: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0, *, axis_size: int | None = None
) -> Callable[..., Any]:
    """Return a function that maps `f` over an axis of its arguments, all elements at once.

    Signature and meaning are those of ``jax.vmap``. The function is called once, on tensors that
    stand for one element each; every operation works on the arrays of all elements.

    Parameters
    ----------
    f : callable
        Plain NumPy function that returns numbers or arrays, or nested structures of them.
    in_axes : int, None or nested structure
        The axis to map over, for all positional arguments or, as a tuple, for each; within it a
        structure like the argument's, or like its outer part, for each leaf. None for what all
        elements share. Arguments by keyword are mapped over their first axis.
    out_axes : int, None or nested structure
        Where the axis stands in each result. None for one that is the same for all elements.
    axis_size : int, optional
        Length of the axis; needed only where no argument has it.

    Returns
    -------
    callable
        Called as `f`, with one more axis in the arguments that are mapped; its results have one
        more axis. It can be differentiated and compiled, and `f` may be made by any transform.

    Raises
    ------
    ValueError
        On a call, if the axes have different lengths, an argument lacks its axis, no argument is
        mapped, or a value that differs between elements decides a branch or a shape.
    TypeError
        If `in_axes` or `out_axes` does not fit the structure of the arguments or results.

    Examples
    --------
    >>> import numpy as np
    >>> vmap(np.dot, in_axes=(0, None))(np.eye(2), np.array([3.0, 4.0]))
    array([3., 4.])
    """
    name = getattr(f, "__name__", "function")
    _check_axes(in_axes, "in_axes")
    _check_axes(out_axes, "out_axes")

    @functools.wraps(f)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        if ADAPTERS:
            again = vmap(f, in_axes, out_axes, axis_size=axis_size)
            if (done := called_wrapped(again, args, kwargs)) is not None:
                return done
        leaves, structure = flatten((list(args), kwargs))
        axes = [*_each_argument(in_axes, structure.children[0], name)]
        axes += [0] * structure.children[1].count
        paths = [*_argument_paths(structure)]
        arrays = [
            x if axis is None else _with_axis_first(x, axis, f"vmap: argument {path} of {name}")
            for x, axis, path in zip(leaves, axes, paths, strict=True)
        ]
        size = _size(leaves, arrays, axes, paths, axis_size, name)

        def attempt(tape: Tape, copied: bool) -> Any:
            with tape:
                given, named = structure.unflatten(
                    [
                        x if axis is None else in_batch(tape, x)
                        for x, axis in zip(arrays, axes, strict=True)
                    ]
                )
                output = substitution.call(tape, f, given, named) if copied else f(*given, **named)
                if output is None:
                    raise TypeError(
                        f"vmap: {name} returned a NoneType; expected numbers or arrays: does it "
                        "end without return?"
                    )
                results, form = flatten(output)
                results = [check_result(x, "vmap") for x in results]
                places = _spread(out_axes, form, "vmap: out_axes", "result")
                wide = [
                    _placed(tape, x, axis, size, f"vmap: result{path} of {name}")
                    for x, axis, path in zip(results, places, form.paths(), strict=True)
                ]
            tape.end()
            return form.unflatten(wide)

        return substitution.attempted(f, batch_tape, attempt)

    return mapped


def _check_axes(axes: Any, what: str) -> None:
    """Raise unless axes are integers and None, nested or not."""
    if axes is None or (isinstance(axes, int | np.integer) and not isinstance(axes, bool)):
        return
    parts = parts_of(axes)
    if parts is None:
        raise TypeError(
            f"vmap: {what} holds {axes!r}; an int, None, or tuples, lists and dicts of them is "
            "expected"
        )
    for part in parts[1]:
        _check_axes(part, what)


def _each_argument(in_axes: Any, arguments: Structure, name: str) -> list[Axis]:
    """Return the axis of each leaf of the positional arguments."""
    count = len(arguments.children)
    if isinstance(in_axes, list | tuple) and len(in_axes) != count:
        raise ValueError(
            f"vmap: in_axes={in_axes!r} has {len(in_axes)} parts, but {name} was called with "
            f"{count} positional arguments: one part for each is needed"
        )
    return _spread(in_axes, arguments, "vmap: in_axes", "argument")


def _spread(axes: Any, structure: Structure, what: str, path: str) -> list[Axis]:
    """Return the axis of each leaf, of axes that are given for a structure or its outer part."""
    if axes is None or isinstance(axes, int | np.integer):
        return [axes] * structure.count
    keys, values = parts_of(axes) or ([], [])
    parts = dict(zip(keys, values, strict=True))
    if structure.is_leaf or set(parts) != set(structure.keys):
        expected = "one int or None" if structure.is_leaf else ", ".join(structure.keys)
        raise TypeError(
            f"{what}: for {path} the parts {', '.join(parts)} arrived; expected "
            f"{expected or 'none'}, as there"
        )
    return [
        axis
        for key, child in zip(structure.keys, structure.children, strict=True)
        for axis in _spread(parts[key], child, what, path + key)
    ]


def _argument_paths(structure: Structure) -> list[str]:
    """Return the name of each leaf of the arguments: ``0['w']``, ``scale``."""
    positional, named = structure.children
    paths = [path for i, child in enumerate(positional.children) for path in child.paths(str(i))]
    return paths + [
        path
        for key, child in zip(named.keys, named.children, strict=True)
        for path in child.paths(key[2:-2])
    ]


def _with_axis_first(x: Any, axis: Any, what: str) -> Any:
    """Return an argument with the axis that is mapped in front."""
    if type(x) is np.ndarray and x.dtype == object:
        x = assembled(x)
    if type(x) is not Tensor:
        here = isinstance(x, np.ndarray | np.generic | int | float | complex)
        # Of a masked array the mask would be dropped, and a matrix multiplies otherwise.
        if not (is_plain(x) or isinstance(x, int | float | complex)):
            raise TypeError(
                f"{what} is a {type(x).__name__}; arrays are mapped over: in_axes=None leaves it "
                "as it is"
            )
        x = np.asarray(x) if here else sized(x)
        if x.dtype.kind not in "fiubc":
            raise TypeError(f"{what} is of dtype {x.dtype}; numbers are expected")
    ndim = x.ndim
    if not -ndim <= axis < ndim:
        raise ValueError(
            f"{what} has shape {x.shape}, and so no axis {axis} to map over: in_axes=None for "
            "what all elements share"
        )
    return np.moveaxis(x, axis, 0) if axis % ndim else x


def _size(
    leaves: list[Any],
    arrays: list[Any],
    axes: list[Axis],
    paths: list[str],
    axis_size: int | None,
    name: str,
) -> int:
    """Return the length of the axis that all mapped arguments have."""
    lengths = {
        f"{path} has {array.shape[0]} (axis {axis} of shape {np.shape(x)})": array.shape[0]
        for x, array, axis, path in zip(leaves, arrays, axes, paths, strict=True)
        if axis is not None
    }
    if axis_size is not None:
        lengths[f"axis_size is {axis_size}"] = axis_size
    if not lengths:
        raise ValueError(
            f"vmap: no argument of {name} is mapped: an axis in in_axes, or axis_size, is needed"
        )
    if len(set(lengths.values())) > 1:
        raise ValueError(
            f"vmap: the mapped axes of the arguments of {name} have different lengths: "
            f"{'; '.join(lengths)}"
        )
    return int(next(iter(lengths.values())))


def _placed(tape: Any, x: Any, axis: Axis, size: int, what: str) -> Any:
    """Return a result of all elements, with the axis where it is wanted."""
    own = type(x) is Tensor and x.tape is tape
    if axis is None:
        if own:
            raise ValueError(
                f"{what} differs between the elements of the batch, but its out_axes is None: "
                "say where its axis shall stand"
            )
        return x
    array = of_batch(tape, x, size)
    ndim = array.ndim
    if not -ndim <= axis < ndim:
        raise ValueError(
            f"{what} has shape {array.shape[1:]} for each element: out_axes={axis} is beyond the "
            f"{ndim} axes that it then has"
        )
    return np.moveaxis(array, 0, int(axis)) if axis % ndim else array
