"""Writes into arrays: NumPy's semantics, though no value that is recorded ever changes.

An array that is written into has a `Store`: its content, which each write replaces by a new value.
Tensors whose values lie in the memory of one array are views of it, as in NumPy, and what they are
is read from the content of the moment when they are used. So a write is seen by all other names,
and what was computed before keeps its operands.

Arrays that NumPy makes, in the copy of a function (see `substitution`), are tensors too. Their
content is plain, written into as NumPy does it, until the first tensor comes.
"""

import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from autodiff.core.batched import Batched, innermost, owner_of
from autodiff.core.libraries import elsewhere
from autodiff.core.places import Way, lies_as, place_of
from autodiff.core.primitive import FUNCTIONS, Primitive
from autodiff.core.tape import Tape
from autodiff.core.tensor import Tensor, holds_tensor, node_of, record

__all__ = ["Stores", "current", "is_contiguous", "is_number", "operands_as_recorded", "resolved"]

#: Whether rules are at work: their operands are what they were when they were recorded.
_in_rules: ContextVar[bool] = ContextVar("in_rules", default=False)


class Store:
    """The content of an array, of its shape, and how often it was replaced."""

    __slots__ = ("content", "pending", "shape", "version")

    def __init__(self, content: Any, shape: tuple[int, ...]) -> None:
        self.content, self.shape, self.version = content, shape, 0
        #: Numbers that were written one by one, by their places in the flattened content. A loop
        #: that writes n of them would else make n copies of it.
        self.pending: dict[int, Any] = {}


class _NotPlain(Exception):
    """An argument is a tensor whose derivative is wanted."""


class Stores:
    """The arrays of a trace that are, or may be, written into."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        #: By identity of the tensor of the whole array, of each content too: it, and its store.
        self._of: dict[int, tuple[Tensor, Store]] = {}
        #: By identity of an array of NumPy's: it, and the tensor that it stands behind.
        self._arrays: dict[int, tuple[Any, Tensor]] = {}
        #: What views were read as, by identity, and at which version.
        self._read: dict[int, tuple[Tensor, int, Any]] = {}
        #: By identity of what views were read as: it, and the view. Views of it are views of that.
        self._shown: dict[int, tuple[Any, Tensor]] = {}

    def end(self) -> None:
        """Forget everything: tensors know their tape, which must not know them for longer."""
        self._of, self._arrays, self._read, self._shown = {}, {}, {}, {}

    # Reading.

    def current(self, x: Tensor) -> Any:
        """Return the present state of a tensor: itself, a content, a part of it, an array."""
        if not self._of or _in_rules.get():
            return x  # no array has been written into
        store, way = self._located(x)
        if store is None:
            return x
        self._flush(store)
        content = store.content
        if way is None or content is x:
            return content
        if type(content) is not Tensor:
            return x.value
        known = self._read.get(id(x))
        if known is not None and known[1] == store.version:
            return known[2]
        with operands_as_recorded():
            found = _read(content, *place_of(way), x.shape)
        self._read[id(x)], self._shown[id(found)] = (x, store.version, found), (found, x)
        return found

    def _located(self, x: Tensor) -> tuple[Store | None, Way | None]:
        """Return the store that a tensor is a view of, and the way to it: none for the whole."""
        if not self._of:
            return None, None
        known = self._of.get(id(x))
        if known is not None:
            return known[1], None
        if id(x) not in self._shown and _viewed(x) is None:
            return None, None  # most are of no array that is written into
        node, part = x, _block(x)
        way: Way = []
        while True:
            known = self._of.get(id(node))
            if known is not None:
                return known[1], None if node is x else [*way, (part, _block(node))]
            shown = self._shown.get(id(node))
            if shown is not None:
                if node is not x:
                    way.append((part, _block(node)))
                x, part = shown[1], _block(shown[1])
                node = x
                if not way:
                    # What was read stands for all of the view.
                    way.append((part, part))
                continue
            parent = _viewed(node)
            if parent is None:
                return None, None
            node = parent

    def recorded(
        self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any] | None
    ) -> Any:
        """Return the result of a primitive of what its operands are now."""
        if _in_rules.get():
            return record(primitive, operands, params, as_is=True)
        if primitive.name == "getitem" and len(operands) == 1:
            found = self._number(operands[0], (params or {})["index"])
            if found is not None:
                return found
        now = tuple([current(x) for x in operands])
        result = record(primitive, now, params, as_is=True)
        if type(result) is not Tensor:
            return self.tensor_of(result)
        if len(now) == 1 and now[0] is not operands[0] and primitive.kind != "elementwise":
            return self._linked(primitive, operands[0], now[0], params or {}, result)
        return result

    def _number(self, x: Tensor, index: Any) -> Any:
        """Return an element of an array into which numbers were written one by one, or None."""
        known = self._of.get(id(x))
        if known is None or not known[1].pending:
            return None
        store = known[1]
        place = _flat_place(index, store.shape)
        if place is None or place in store.pending:
            return None if place is None else store.pending[place]
        with operands_as_recorded():
            return FUNCTIONS[operator.getitem].function(store.content, index)

    def _linked(
        self, primitive: Primitive, x: Tensor, now: Any, params: dict[str, Any], result: Tensor
    ) -> Any:
        """Return a view where NumPy gives one, and a copy elsewhere.

        The memory of what was written may be laid out in another way than that of the array.
        """
        block, part, whole = _block(x), _block(result), _block(now)
        shares = part is not None and whole is not None and owner_of(part) is owner_of(whole)
        if block is None or not (shares or primitive.name == "reshape"):
            return result
        there = primitive.function(block, **params)
        if type(there) is np.ndarray and owner_of(there) is owner_of(block):
            self._shown[id(result)] = result, node_of(there, self._tape, operands=(x,))
            return result
        if not shares:
            return result
        with operands_as_recorded():
            return FUNCTIONS[np.copy].function(result)

    # Arrays of NumPy's.

    def tensor_of(self, array: Any) -> Any:
        """Return the tensor that stands for a plain array; what is no array of numbers stays."""
        if type(array) is not np.ndarray or array.dtype.kind not in "fciub":
            return array
        owner = owner_of(array)
        if owner.dtype.kind not in "fciub" or type(owner) is not np.ndarray:
            owner = array
        known = self._arrays.get(id(owner))
        if known is None:
            whole = node_of(owner, self._tape)
            known = self._arrays[id(owner)] = owner, whole
            self._of[id(whole)] = whole, Store(owner, owner.shape)
        if array is owner or lies_as(array, owner):
            return known[1]
        return node_of(array, self._tape, operands=(known[1],))

    def tensors_of(self, result: Any) -> Any:
        """Return a result with tensors for its arrays."""
        if type(result) is np.ndarray:
            return self.tensor_of(result)
        if type(result) in (tuple, list):
            return type(result)([self.tensors_of(x) for x in result])
        if isinstance(result, tuple) and hasattr(result, "_fields"):
            return type(result)(*[self.tensors_of(x) for x in result])
        return result

    def ufunc(self, ufunc: Any, method: str, inputs: Any, kwargs: dict[str, Any]) -> Any:
        """Return the result of a universal function of plain arrays, or one with ``out=``."""
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        if type(kwargs.get("out")) is tuple and len(kwargs["out"]) == 1:
            kwargs = {**kwargs, "out": kwargs["out"][0]}
        return self.function(function, inputs, kwargs)

    def function(self, function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """Return the result of a function of plain arrays, or of one with ``out=``."""
        if _in_rules.get():
            return NotImplemented
        found = self.plainly(function, args, kwargs)
        if found is not NotImplemented:
            return found
        out = kwargs.get("out")
        rest = {k: v for k, v in kwargs.items() if k != "out"}
        given: list[Tensor] = []
        args, rest = _counted(args, given), _counted(rest, given)
        if type(out) is not Tensor:
            if out is not None:
                rest["out"] = out
            return self.tensors_of(function(*args, **rest)) if given else found
        mask = rest.pop("where", True) if isinstance(function, np.ufunc) else True
        result = function(*args, **rest)
        if mask is not True:
            result = np.where(mask, result, out)
        return self.replaced(out, result)

    def replaced(self, old: Tensor, new: Any) -> Any:
        """Return the result of an in-place operator."""
        if _block(old) is None:
            return new
        if np.shape(new) != old.shape:
            raise ValueError(
                f"in place: the result has shape {np.shape(new)}, the array {old.shape}: write "
                "a = a + b instead of a += b, and give out= an array of that shape"
            )
        dtype = new.dtype if hasattr(new, "dtype") else np.result_type(new)
        if not np.can_cast(dtype, old.dtype, "same_kind"):
            raise TypeError(
                f"in place: the result has dtype {dtype}, the array {old.dtype}, which cannot hold "
                "it: write a = a + b instead of a += b, or make the array of the other type"
            )
        self.write(old, ..., new)
        return old

    def plainly(self, function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        """Return the result of a function of arrays that are all plain, else NotImplemented."""
        try:
            args, kwargs = _plain(args), _plain(kwargs)
        except _NotPlain:
            return NotImplemented
        return self.tensors_of(function(*args, **kwargs))

    def attribute(self, plain: Any, name: str) -> Any:
        """Return an attribute of a plain array, of a method one whose arrays are tensors."""
        found = getattr(plain, name)
        if not callable(found):
            return self.tensors_of(found)

        def method(*args: Any, **kwargs: Any) -> Any:
            done = self.plainly(found, args, kwargs)
            if done is NotImplemented:
                raise self._tape.refused(
                    f"{name}() of a plain array would lose the derivative of its arguments: use "
                    "the function of NumPy"
                )
            return done

        return method

    # Writing.

    def write(self, x: Tensor, index: Any, value: Any) -> None:
        """Put a value into the part of an array that an index chooses."""
        block = _block(x)
        if block is None:
            foreign = "only arrays of NumPy can be written into while derivatives are taken"
            number = "a number cannot be written into: only arrays of at least one axis can"
            raise TypeError(foreign if x.shape and elsewhere(x) is not None else number)
        given, value = value, _cast(resolved(value), x.dtype)
        index = resolved(index)
        store, way = self._located(x)
        if store is None:
            root = _whole(x)
            self._of[id(root)] = root, Store(root, root.shape)
            self._tape.write(root)
            store, way = self._located(x)
            assert store is not None
        place = _flat_place(index, store.shape) if way is None else None
        plain = type(store.content) is not Tensor and not holds_tensor((value, index))
        if place is not None and is_number(value) and (store.pending or not plain):
            value = value if type(value) is Tensor else np.asarray(value, x.dtype)[()]
            store.pending[place] = value
            return
        self._flush(store)
        if type(store.content) is not Tensor and plain:
            x.value[index] = value
            return
        listed = isinstance(index, list) and not holds_tensor(index)
        mask = np.asarray(index) if listed else index
        masked = type(mask) is np.ndarray and mask.dtype.kind == "b"
        masked = masked and (mask.ndim > 1 or mask.ndim == x.ndim)
        source = _block(given) if masked and type(given) is Tensor else None
        if source is not None and owner_of(source) is owner_of(block):
            raise self._tape.refused(
                "a mask puts a part of an array into the array itself: NumPy may read places there "
                "that it has just written: write a copy, y[mask] = part.copy()"
            )
        content, part, half = store.content, None, None
        if way is not None and x is not content:
            part, half = place_of(way)
        with operands_as_recorded():
            self._replace(store, _written(content, part, half, x.shape, index, value))

    def _replace(self, store: Store, content: Any) -> None:
        store.content = content
        store.version += 1
        if type(content) is Tensor:
            self._of[id(content)] = content, store

    def _flush(self, store: Store) -> None:
        """Write into the content what was written one by one."""
        if not store.pending:
            return
        pending, store.pending = store.pending, {}
        values = [*pending.values()]
        # Of an array without axes there is one place, which NumPy does not unravel.
        places = tuple(np.unravel_index(np.array([*pending]), store.shape)) if store.shape else ()
        if type(store.content) is not Tensor and not holds_tensor(values):
            store.content[places] = values if places else values[0]
            return
        with operands_as_recorded():
            if len(values) == 1:
                index: Any = tuple([int(i[0]) for i in places])
                new = FUNCTIONS[operator.setitem].function(store.content, index, values[0])
            else:
                stacked = FUNCTIONS[np.stack].function(values)
                new = FUNCTIONS[operator.setitem].function(store.content, places, stacked)
            self._replace(store, new)


def _flat_place(index: Any, shape: tuple[int, ...]) -> int | None:
    """Return the place of one element in the flattened array, None of what else is chosen."""
    parts = index if type(index) is tuple else (index,)
    if len(parts) != len(shape):
        return None
    place = 0
    for i, length in zip(parts, shape, strict=True):
        if (type(i) is not int and not isinstance(i, np.integer)) or not -length <= i < length:
            return None
        place = place * length + int(i) % length
    return place


def is_number(value: Any) -> bool:
    """Return whether a value is a number, which nobody can write into."""
    if type(value) is Tensor:
        return not value.shape and _block(value) is None
    return isinstance(value, int | float | complex | np.number)


def _whole(x: Tensor) -> Tensor:
    """Return the tensor of the whole array that a tensor is a view of."""
    while (parent := _viewed(x)) is not None:
        x = parent
    return x


def _viewed(node: Tensor) -> Tensor | None:
    """Return the tensor that another is a view of: whose memory it lies in."""
    if not node.operands:
        return None
    parent = node.operands[0]
    primitive = node.primitive
    if type(parent) is not Tensor or parent.tape is not node.tape:
        return None
    if primitive is not None and primitive.kind in ("elementwise", "discrete"):
        return None
    block, whole = _block(node), _block(parent)
    if block is None or whole is None or owner_of(block) is not owner_of(whole):
        return None
    return parent


def _block(x: Tensor) -> Any:
    """Return the array in whose memory a tensor lies, of a batch that of the first element."""
    value, depth = x.value, 0
    while True:
        if type(value) is Batched:
            value, depth = value.array, depth + 1
        elif type(value) is Tensor:
            value = value.value
        else:
            break
    if type(value) is not np.ndarray or not all(value.shape[:depth]):
        return None
    if depth and value.ndim == depth and not _is_array(x, value):
        return None
    first: Any = (*(0,) * depth, Ellipsis)
    return value[first] if depth else value


def _is_array(x: Tensor, value: Any) -> bool:
    """Return whether a number of a batch, whose value is an array, is one of NumPy's too."""
    parent = x.operands[0] if x.operands else None
    if type(parent) is not Tensor or x.primitive is None:
        return False
    if x.primitive.name in ("copy", "where"):
        # np.array(t), y.copy() and np.where are arrays, whatever they are made of.
        return True
    index = (x.params or {}).get("index", (Ellipsis,))
    return (
        any(i is Ellipsis for i in (index if isinstance(index, tuple) else (index,)))
        and owner_of(value) is owner_of(innermost(parent))
        and x.primitive.kind not in ("elementwise", "discrete")
    )


def is_contiguous(x: Any, order: str) -> bool:
    """Return whether NumPy makes no copy of an array where it needs one in an order of memory."""
    if type(x) is not Tensor or x.tape.stores is None:
        return True
    block = _block(x)
    if block is None or not block.ndim:
        return True
    if innermost(x).ndim == block.ndim:
        return bool(block.flags.f_contiguous if order == "F" else block.flags.c_contiguous)
    # Of a batch numbers lie apart; they do in the whole array too.
    whole = _block(_whole(x))
    step = min((abs(s) for s in whole.strides), default=0)
    axes = [*zip(block.shape, block.strides, strict=True)]
    for length, stride in axes if order == "F" else reversed(axes):
        if length > 1 and stride != step:
            return False
        step *= length
    return True


def _read(content: Any, part: Any, half: str | None, shape: tuple[int, ...]) -> Any:
    """Return the part of a content that a view shows."""
    getitem = FUNCTIONS[operator.getitem].function
    if isinstance(part, tuple):
        return getitem(content, part)
    found = np.reshape(getitem(np.reshape(content, (-1,)), (part.reshape(-1),)), shape)
    return found if half is None else getattr(np, half)(found)


def _written(
    content: Any, part: Any, half: str | None, shape: tuple[int, ...], index: Any, value: Any
) -> Any:
    """Return a content with a value written into a view of it."""
    update = FUNCTIONS[operator.setitem].function
    if part is None:
        return update(content, index, value)
    whole = np.shape(content)
    if isinstance(part, tuple) and _is_all(index):
        return update(content, part, value)
    places = part
    if isinstance(part, tuple):
        size = int(np.prod(whole, dtype=int))
        places = np.arange(size).reshape(whole)[part]
    places = places[index]
    if type(places) is Tensor:
        raise TypeError("a mask that is computed within a batch cannot choose in a view: np.where")
    # Not in the flattened content: it keeps its order in memory.
    if not whole:
        if not np.size(places):
            return content
        return update(content, (), np.reshape(np.broadcast_to(value, places.shape), (-1,))[-1])
    place = np.unravel_index(places, whole)
    if half is not None:
        old = FUNCTIONS[operator.getitem].function(content, place)
        value = value + 1j * np.imag(old) if half == "real" else np.real(old) + 1j * value
    return update(content, place, value)


def _is_all(index: Any) -> bool:
    return index is Ellipsis or (isinstance(index, slice) and index == slice(None))


def _cast(value: Any, dtype: np.dtype[Any]) -> Any:
    """Return a value in the type of the array that it is written into."""
    if isinstance(value, list | tuple) and holds_tensor(value):
        value = FUNCTIONS[np.stack].function([_cast(x, dtype) for x in value])
    if type(value) is not Tensor:
        return value
    if dtype.kind in "iub" and value.dtype.kind in "fc":
        raise value.tape.refused(
            f"a tensor cannot be written into an array of integers ({dtype}), which would cut its "
            "value off and lose its derivative: make the array with dtype=float"
        )
    if dtype.kind != "c" and value.dtype.kind == "c":
        raise TypeError(
            f"a complex tensor cannot be written into an array of {dtype}, in which its imaginary "
            "part would be lost: make the array with dtype=complex, or write np.real of it"
        )
    return value if value.dtype == dtype or value.dtype.kind in "biu" else value.astype(dtype)


def current(x: Any) -> Any:
    """Return the present state of a tensor; anything else unchanged."""
    if type(x) is Tensor and x.tape.stores is not None:
        return x.tape.stores.current(x)
    return x


def resolved(x: Any) -> Any:
    """Return a structure with what its tensors are now."""
    if type(x) is Tensor:
        return current(x)
    if type(x) in (list, tuple):
        return type(x)([resolved(i) for i in x])
    return x


def _plain(x: Any) -> Any:
    """Return arguments with plain arrays for tensors, or raise if there are none for some."""
    kind = type(x)
    if kind is Tensor:
        found = current(x)
        if type(found) is Tensor:
            raise _NotPlain
        return found
    if kind in (list, tuple):
        return kind([_plain(i) for i in x])
    if kind is dict:
        return {k: _plain(v) for k, v in x.items()}
    return x


def _counted(x: Any, found: list[Tensor]) -> Any:
    """Return arguments with plain arrays for tensors of whole numbers, which are noted.

    They count, choose and order: rules take them as they are.
    """
    kind = type(x)
    if kind is Tensor and x.dtype.kind in "iub" and type(plain := current(x)) is not Tensor:
        found.append(x)
        return plain
    if kind in (list, tuple):
        return kind([_counted(i, found) for i in x])
    if kind is dict:
        return {k: _counted(v, found) for k, v in x.items()}
    return x


@contextmanager
def operands_as_recorded(on: bool = True) -> Iterator[None]:
    """Let operands be what they were when they were recorded, for rules; or what they are now."""
    token = _in_rules.set(on)
    try:
        yield
    finally:
        _in_rules.reset(token)
