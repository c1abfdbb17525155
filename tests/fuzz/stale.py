"""Random programs whose state is hidden in random places and changed at random.

``python -m tests.fuzz.stale --programs 20000 --seed 1``: each program reads one number from outside
its arguments, through one to four holders in each other; a compiled function of it is called, the
number is changed at a random level (in place, or by binding a holder to a new one), and it is
called again. It must give what the function gives, or say that it can't be watched.
"""

import argparse
import collections
import contextvars
import dataclasses
import functools
import itertools
import operator
import random
import sys
import types
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

import autodiff


class Instance:
    def __init__(self, held):
        self.held = held

    @property
    def by_property(self):
        return self.held

    def by_method(self):
        return self.held

    def __getitem__(self, key):
        return self.held

    def __call__(self):
        return self.held

    def __iter__(self):
        yield self.held


class Slotted:
    __slots__ = ("held",)

    def __init__(self, held):
        self.held = held


class Mangled:
    __slots__ = ("__held",)

    def __init__(self, held):
        self.__held = held

    def get(self):
        return self.__held

    def put(self, held):
        self.__held = held


class Lazy:
    def __init__(self, held):
        self._table = {"held": held}

    def __getattr__(self, name):
        try:
            return self.__dict__["_table"][name]
        except KeyError:
            raise AttributeError(name) from None


class Descriptor:
    def __init__(self, held):
        self.inside = held

    def __get__(self, instance, owner):
        return self.inside


@dataclasses.dataclass
class Record:
    held: Any


@dataclasses.dataclass(frozen=True)
class Frozen:
    held: Any


Pair = collections.namedtuple("Pair", "other held")


def _set(x, name, value):
    setattr(x, name, value)


def _class_with(held, meta=type):
    return meta("Made", (), {"held": held})


def _child_of(held):
    return type("Child", (_class_with(held),), {})()


def _with_descriptor(held):
    return type("Described", (), {"held": Descriptor(held)})()


def _with_static(held):
    cell = [held]
    made = type("Static", (), {"get": staticmethod(lambda: cell[0])})
    made.cell = cell
    return made


def _closure(held):
    def get():
        return held

    def put(value):
        nonlocal held
        held = value

    get.put = put
    return get


def _default(held):
    def get(held=held):
        return held

    return get


def _keyword_default(held):
    def get(*, held=held):
        return held

    return get


def _attribute_of_function(held):
    def get():
        return get.held

    get.held = held
    return get


def _module(held):
    made = types.ModuleType("made_by_a_user")
    made.held = held
    return made


_numbers = itertools.count()


def _imported(held):
    name = f"imported_{next(_numbers)}"
    sys.modules[name] = made = types.ModuleType(name)
    made.held = held
    namespace = {"__name__": "a_user"}
    exec(f"def get():\n    import {name}\n    return {name}.held\n", namespace)
    get = namespace["get"]
    get.module = made
    return get


def _from_imported(held):
    name = f"imported_{next(_numbers)}"
    sys.modules[name] = made = types.ModuleType(name)
    made.held = held
    namespace = {"__name__": "a_user"}
    exec(f"def get():\n    from {name} import held\n    return held\n", namespace)
    get = namespace["get"]
    get.module = made
    return get


def _script(held):
    namespace = {"held": held, "__name__": "code"}
    exec("def get():\n    return held\n", namespace)
    return namespace["get"]


class Text(str):
    """Text with attributes."""


def _given(x, held):
    x.held = held
    return x


def _view(table):
    return Pair(table.values(), table)


def _context(held):
    variable = contextvars.ContextVar("held")
    variable.set(held)
    return variable


def _weak(held):
    kept = Instance(held)
    reference = weakref.ref(kept)
    return Pair(kept, reference)


def _object_array(held):
    made = np.empty(2, object)
    made[0] = held
    return made


def _decorated(held):
    inner = _closure(held)

    @functools.wraps(inner)
    def get():
        return inner()

    return get


@dataclasses.dataclass(frozen=True)
class Holder:
    """A place for one value: how it is made, read, and given another value in place, if at all."""

    make: Callable[[Any], Any]
    read: Callable[[Any], Any]
    put: Callable[[Any, Any], Any] | None = None


HOLDERS: dict[str, Holder] = {
    "list": Holder(lambda v: [0.0, v], lambda x: x[1], lambda x, v: operator.setitem(x, 1, v)),
    "end of a list": Holder(lambda v: [v], lambda x: x[-1], lambda x, v: x.append(v)),
    "sum of a list": Holder(lambda v: [v], lambda x: next(iter(x)), lambda x, v: x.insert(0, v)),
    "dict": Holder(
        lambda v: {"held": v}, lambda x: x["held"], lambda x, v: operator.setitem(x, "held", v)
    ),
    "get of a dict": Holder(
        lambda v: {"held": v}, lambda x: x.get("held"), lambda x, v: x.update(held=v)
    ),
    "key that appears": Holder(
        lambda v: collections.ChainMap({}, {"held": v}),
        lambda x: x["held"],
        lambda x, v: operator.setitem(x, "held", v),
    ),
    "dict unpacked": Holder(
        lambda v: {"held": v},
        lambda x: (lambda held: held)(**x),
        lambda x, v: operator.setitem(x, "held", v),
    ),
    "ordered dict": Holder(
        lambda v: collections.OrderedDict(held=v),
        lambda x: next(iter(x.values())),
        lambda x, v: operator.setitem(x, "held", v),
    ),
    "default dict": Holder(
        lambda v: collections.defaultdict(float, held=v),
        lambda x: x["held"],
        lambda x, v: operator.setitem(x, "held", v),
    ),
    "user dict": Holder(
        lambda v: collections.UserDict(held=v),
        lambda x: x["held"],
        lambda x, v: operator.setitem(x, "held", v),
    ),
    "mapping proxy": Holder(lambda v: types.MappingProxyType({"held": v}), lambda x: x["held"]),
    "tuple": Holder(lambda v: (0.0, v), lambda x: x[1]),
    "named tuple": Holder(lambda v: Pair(0.0, v), lambda x: x.held),
    "deque": Holder(
        lambda v: collections.deque([v], maxlen=1), lambda x: x[-1], lambda x, v: x.append(v)
    ),
    "instance": Holder(Instance, lambda x: x.held, lambda x, v: _set(x, "held", v)),
    "property": Holder(Instance, lambda x: x.by_property, lambda x, v: _set(x, "held", v)),
    "method": Holder(Instance, lambda x: x.by_method(), lambda x, v: _set(x, "held", v)),
    "getitem": Holder(Instance, lambda x: x[0], lambda x, v: _set(x, "held", v)),
    "call": Holder(Instance, lambda x: x(), lambda x, v: _set(x, "held", v)),
    "iteration": Holder(Instance, lambda x: next(iter(x)), lambda x, v: _set(x, "held", v)),
    "vars": Holder(Instance, lambda x: vars(x)["held"], lambda x, v: _set(x, "held", v)),
    "getattr": Holder(Instance, lambda x: getattr(x, "he" + "ld"), lambda x, v: _set(x, "held", v)),
    "attrgetter": Holder(
        Instance, lambda x: operator.attrgetter("held")(x), lambda x, v: _set(x, "held", v)
    ),
    "attribute that appears": Holder(_child_of, lambda x: x.held, lambda x, v: _set(x, "held", v)),
    "slot": Holder(Slotted, lambda x: x.held, lambda x, v: _set(x, "held", v)),
    "mangled slot": Holder(Mangled, lambda x: x.get(), lambda x, v: x.put(v)),
    "lazy attribute": Holder(
        Lazy, lambda x: x.held, lambda x, v: operator.setitem(x._table, "held", v)
    ),
    "descriptor": Holder(
        _with_descriptor,
        lambda x: x.held,
        lambda x, v: _set(vars(type(x))["held"], "inside", v),
    ),
    "dataclass": Holder(Record, lambda x: x.held, lambda x, v: _set(x, "held", v)),
    "frozen dataclass": Holder(Frozen, lambda x: x.held),
    "namespace": Holder(
        lambda v: types.SimpleNamespace(held=v), lambda x: x.held, lambda x, v: _set(x, "held", v)
    ),
    "class": Holder(_class_with, lambda x: x.held, lambda x, v: _set(x, "held", v)),
    "inherited": Holder(
        _child_of, lambda x: x.held, lambda x, v: _set(type(x).__mro__[1], "held", v)
    ),
    "static method": Holder(
        _with_static, lambda x: x.get(), lambda x, v: operator.setitem(x.cell, 0, v)
    ),
    "closure": Holder(_closure, lambda x: x(), lambda x, v: x.put(v)),
    "decorated": Holder(_decorated, lambda x: x(), lambda x, v: x.__wrapped__.put(v)),
    "default": Holder(_default, lambda x: x(), lambda x, v: _set(x, "__defaults__", (v,))),
    "keyword default": Holder(
        _keyword_default, lambda x: x(), lambda x, v: operator.setitem(x.__kwdefaults__, "held", v)
    ),
    "attribute of a function": Holder(
        _attribute_of_function, lambda x: x(), lambda x, v: _set(x, "held", v)
    ),
    "partial": Holder(lambda v: functools.partial(lambda held: held, v), lambda x: x()),
    "partial keyword": Holder(
        lambda v: functools.partial(lambda held: held, held=v),
        lambda x: x(),
        lambda x, v: operator.setitem(x.keywords, "held", v),
    ),
    "get of a dict, bound": Holder(
        lambda v: {"held": v}.get,
        lambda x: x("held"),
        lambda x, v: operator.setitem(x.__self__, "held", v),
    ),
    "view of a dict": Holder(
        lambda v: _view({"held": v}),
        lambda x: next(iter(x.other)),
        lambda x, v: operator.setitem(x.held, "held", v),
    ),
    "cached result": Holder(
        lambda v: (kept := functools.cache(lambda: [v])) and (kept(), kept)[1],
        lambda x: x()[0],
        lambda x, v: operator.setitem(x(), 0, v),
    ),
    "attribute of text": Holder(
        lambda v: _given(Text("text"), v), lambda x: x.held, lambda x, v: _set(x, "held", v)
    ),
    "attrgetter, bound": Holder(
        lambda v: Pair(operator.attrgetter("held"), Instance(v)),
        lambda x: x.other(x.held),
        lambda x, v: _set(x.held, "held", v),
    ),
    "bound method": Holder(
        lambda v: Instance(v).by_method, lambda x: x(), lambda x, v: _set(x.__self__, "held", v)
    ),
    "module": Holder(_module, lambda x: x.held, lambda x, v: _set(x, "held", v)),
    "module imported within": Holder(
        _imported, lambda x: x(), lambda x, v: _set(x.module, "held", v)
    ),
    "name imported within": Holder(
        _from_imported, lambda x: x(), lambda x, v: _set(x.module, "held", v)
    ),
    "script": Holder(
        _script, lambda x: x(), lambda x, v: operator.setitem(x.__globals__, "held", v)
    ),
    "context variable": Holder(_context, lambda x: x.get(), lambda x, v: x.set(v)),
    "weak reference": Holder(_weak, lambda x: x.held().held, lambda x, v: _set(x.other, "held", v)),
    "array of objects": Holder(
        _object_array, lambda x: x[0], lambda x, v: operator.setitem(x, 0, v)
    ),
    "function in a dict": Holder(
        lambda v: {"get": _closure(v)}, lambda x: x["get"](), lambda x, v: x["get"].put(v)
    ),
    "object in a list": Holder(
        lambda v: [Instance(v)], lambda x: x[0].held, lambda x, v: _set(x[0], "held", v)
    ),
}


def _array_put(x, v):
    x[1] = v


#: Holders of the number itself.
INNERMOST: dict[str, Holder] = {
    "array": Holder(lambda v: np.array([0.0, v]), lambda x: x[1], _array_put),
    "large array": Holder(
        lambda v: np.concatenate([np.zeros(1), [v], np.ones(20_000)]), lambda x: x[1], _array_put
    ),
    "strided array": Holder(
        lambda v: np.array([0.0, 7.0, v, 7.0])[::2], lambda x: x[1], _array_put
    ),
    "set": Holder(lambda v: {v}, lambda x: max(x), lambda x, v: (x.clear(), x.add(v))),
    "integer array": Holder(lambda v: np.array([1, int(v)]), lambda x: float(x[1]), _array_put),
    "boolean array": Holder(
        lambda v: np.arange(9) < v,
        lambda x: float(np.sum(x)),
        lambda x, v: operator.setitem(x, slice(None), np.arange(9) < v),
    ),
    "bytes": Holder(
        lambda v: bytearray([int(v)]),
        lambda x: float(x[0]),
        lambda x, v: operator.setitem(x, 0, int(v)),
    ),
    "text": Holder(lambda v: str(v), lambda x: float(x)),
    "shape of an array": Holder(lambda v: np.zeros(int(v)), lambda x: float(x.size)),
    "number": Holder(lambda v: v, lambda x: x),
}
SMALL = tuple(float(v) for v in range(2, 9))


class Rooted:
    """Where the outermost holder is bound: each has a function, and a way to bind another."""

    def __init__(self, read, held, kind):
        self.kind, self.held = kind, held
        if kind == "global":
            namespace = {"read": read, "np": np, "held": held, "__name__": "a_user"}
            exec("def f(x):\n    return np.sum(x) * read(held)\n", namespace)
            self.f, self.args = namespace["f"], ()
            self.bind = lambda new: namespace.update(held=new)
        elif kind == "cell":

            def f(x):
                return np.sum(x) * read(held)

            def bind(new):
                nonlocal held
                held = new

            self.f, self.args, self.bind = f, (), bind
        elif kind == "attribute":
            model = Instance(held)
            self.f, self.args = _Loss(model, read).loss, ()
            self.bind = lambda new: _set(model, "held", new)
        elif kind == "argument":
            self.f = lambda x, held: np.sum(x) * read(held)
            self.args = (held,)
            self.bind = lambda new: setattr(self, "args", (new,))
        elif kind == "second function":
            namespace = {"read": read, "held": held, "__name__": "another"}
            exec("def scale():\n    return read(held)\n", namespace)
            scale = namespace["scale"]
            self.f, self.args = (lambda x: np.sum(x) * scale()), ()
            self.bind = lambda new: namespace.update(held=new)
        else:
            raise AssertionError(kind)


class _Loss:
    def __init__(self, model, read):
        self.model, self.read = model, read

    def loss(self, x):
        return np.sum(x) * self.read(self.model.held)


ROOTS = ("global", "cell", "attribute", "argument", "second function")


@dataclasses.dataclass(frozen=True)
class Program:
    """Holders in each other, the innermost last; where the outermost is bound; what changes."""

    root: str
    holders: tuple[str, ...]
    innermost: str
    level: int
    before: float
    after: float


def draw(rng: random.Random) -> Program:
    holders = tuple(rng.choice(list(HOLDERS)) for _ in range(rng.randint(0, 3)))
    before, after = rng.sample(SMALL, 2)
    return Program(
        rng.choice(ROOTS),
        holders,
        rng.choice(list(INNERMOST)),
        rng.randint(-1, len(holders)),
        before,
        after,
    )


def check(program: Program) -> str:
    """Return "right", "refused" or what went wrong."""
    kinds = [*(HOLDERS[name] for name in program.holders), INNERMOST[program.innermost]]

    def build(number, start):
        value = number
        made = []
        for kind in reversed(kinds[start:]):
            value = kind.make(value)
            made.append(value)
        return made[::-1]

    def read(x):
        for kind in kinds:
            x = kind.read(x)
        return x

    objects = build(program.before, 0)
    rooted = Rooted(read, objects[0], program.root)
    gradient = autodiff.grad(rooted.f)
    compiled = autodiff.compile(gradient)
    x = np.ones(2)
    try:
        gradient(x, *rooted.args)
    except (TypeError, AttributeError):
        return "invalid"  # a function became a method
    try:
        for _ in range(2):
            if compiled(x, *rooted.args)[0] != gradient(x, *rooted.args)[0]:
                return "wrong before any change"
        level = program.level
        while level >= 0 and kinds[level].put is None:
            level -= 1  # it can only be bound anew, in the holder around it
        if level < 0:
            rooted.bind(build(program.after, 0)[0])
        elif level == len(kinds) - 1:
            kinds[level].put(objects[level], program.after)
        else:
            kinds[level].put(objects[level], build(program.after, level + 1)[0])
        wanted = gradient(x, *rooted.args)[0]
        found = compiled(x, *rooted.args)[0]
    except autodiff.UnwatchableState:
        return "refused"
    if found != wanted:
        return f"stale: {found} instead of {wanted}"
    return "right"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    counts: collections.Counter[str] = collections.Counter()
    for _ in range(options.programs):
        program = draw(rng)
        try:
            verdict = check(program)
        except Exception as error:
            verdict = f"{type(error).__name__}: {error}"
        if verdict not in ("right", "refused", "invalid"):
            print(program, verdict[:200])
            counts["wrong"] += 1
        else:
            counts[verdict] += 1
    print(dict(counts))
    return int(bool(counts["wrong"]))


if __name__ == "__main__":
    sys.exit(main())
