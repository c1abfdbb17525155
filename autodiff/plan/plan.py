"""A plan: a function for arguments of given shapes, as a program that is ready to run."""

import builtins
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from autodiff.errors import BranchChanged

__all__ = ["Plan", "unless"]

#: Lines of a plan on numbers up to which it is part of the function that checks its arguments.
_WITHIN = 500


class Plan:
    """A function for arguments of given shapes, as a program that is ready to run.

    Made by `autodiff.compile`.

    Attributes
    ----------
    source : str
        Python source: a module that defines ``run``, which runs on its own when pasted into a file.
    peak_bytes : int
        Bytes of its buffers, known before anything runs. What it returns comes on top.
    operations : int
        Number of its operations.
    constants : dict
        What `source` needs beside it, by name: large arrays, functions of the user's own. Pasted
        source runs where these names are set before it.
    backend : str
        What runs it: ``"numpy"`` or ``"numba"``.
    note : str
        Why that is not the backend that was asked for, if it is not.
    """

    backend = "numpy"
    note = ""

    def __init__(
        self,
        source: str,
        constants: dict[str, Any],
        peak_bytes: int,
        operations: int,
        quiet: bool,
        unflatten: Callable[[Any], Any] | None,
        count: int,
        numbers: bool = False,
    ) -> None:
        self.source = source
        self._count = count
        #: Whether it is plain Python arithmetic, which raises where NumPy gives infinity or NaN.
        self.numbers = numbers
        self.peak_bytes = peak_bytes
        self.operations = operations
        self.constants = constants
        self._quiet = quiet
        self._unflatten = unflatten
        self._begin()

    def _begin(self) -> None:
        # Compiled once; each thread that runs it at the same time gets buffers of its own.
        self._code = builtins.compile(self.source, "<plan>", "exec")
        self._idle: list[Callable[..., Any]] = []
        self._changed: Any = None
        self._idle.append(self._make())

    def _make(self) -> Callable[..., Any]:
        """Return the function with buffers of its own."""
        namespace: dict[str, Any] = dict(self.constants)
        if self._changed is not None:
            exec(self._code, namespace)
            namespace["changed"] = self._changed
        else:
            exec(self._code, namespace)
            self._changed = namespace.get("changed", self)
        run: Callable[..., Any] = namespace["run"]
        return run

    def renew(self) -> None:
        """Let the next call run on memory of its own."""
        self._idle[:] = [self._make()]

    def instance(self) -> Callable[..., Any]:
        """Return the function that the next call runs."""
        return self._idle[-1]

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        for name in ("_code", "_idle", "_changed"):
            del state[name]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._begin()

    def __repr__(self) -> str:
        return f"<Plan: {self.operations} operations, {self.peak_bytes:,} bytes of buffers>"

    def __call__(self, *leaves: Any) -> Any:
        """Return the result for the floating-point leaves of the arguments, in their order."""
        done, result = self.attempt(leaves)
        if not done:
            raise BranchChanged(
                "plan: the traced function would take another branch for these arguments: call "
                "the compiled function, which traces it again"
            )
        return result

    def attempt(self, leaves: Sequence[Any]) -> tuple[bool, Any]:
        """Return whether the plan is for these numbers, and the result if it is.

        Parameters
        ----------
        leaves : sequence of float or array
            The floating-point leaves of the arguments, in their order.

        Returns
        -------
        tuple of bool and object
            False where the function would have decided a branch otherwise.
        """
        try:
            run = self._idle.pop()
        except IndexError:
            run = self._make()
        try:
            if self.numbers:
                result = run(*map(_as_number, leaves))
            elif self._quiet:
                with np.errstate(divide="ignore", invalid="ignore"):
                    result = run(*leaves)
            else:
                result = run(*leaves)
        finally:
            self._idle.append(run)
        if result is self._changed:
            return False, None
        return True, result if self._unflatten is None else self._unflatten(result)

    def entry(
        self,
        f: Callable[..., Any],
        args: Sequence[Any],
        outside: tuple[Sequence[str], dict[str, Any]],
        tag: str,
        distinct: Callable[[Any], bool] | None,
    ) -> tuple[str, dict[str, Any]] | None:
        """Return the source of a function ``run`` that checks its arguments and runs the plan.

        It falls back to ``general(args, kwargs)`` where the plan is not for them, or raises;
        besides the names returned it needs those of the module math, ``ndarray``, ``errstate``.

        Parameters
        ----------
        f : callable
            The function that was compiled.
        args : sequence
            Arguments like those that it is for.
        outside : tuple
            Expressions that are true, unless what the function reads from outside has changed,
            where they may raise; and the names that they need.
        tag : str
            End of the names that the source needs.
        distinct : callable or None
            Whether arguments, as a tuple, are such that the plan is for them; of most any are.

        Returns
        -------
        tuple or None
            The source and names that it needs; None if an argument is anything but an array, a
            float, or a plain dict, list or tuple of them.
        """
        names: dict[str, Any] = {}
        parameters = _plain_parameters(f, len(args), tag)
        arguments = parameters or [f"a{i}" for i in range(len(args))]
        conditions: list[str] = []
        leaves: list[tuple[str, Any]] = []
        for a, x in zip(arguments, args, strict=True):
            if not _unpack(a, x, tag, conditions, leaves, names):
                return None
        if len(leaves) != self._count:
            return None
        given = [a for a, _ in leaves]
        conditions += self._conditions(given, [x for _, x in leaves], tag, names)
        conditions += outside[0]
        names |= outside[1]
        together = f"({', '.join(arguments)}{',' if len(arguments) == 1 else ''})"
        if distinct is not None:
            conditions.append(f"distinct{tag}({together})")
            names[f"distinct{tag}"] = distinct
        condition = " and ".join(conditions) or "True"
        alone = self.numbers and given == parameters and tag not in self.source
        if alone and self._fits_within(given):
            body = self._scalar_entry(given)
        elif self.numbers:
            body = self._scalar_call(given, tag)
            names |= {
                f"scalar{tag}": self._make(),
                f"is_changed{tag}": self._changed,
                f"unflatten{tag}": self._unflatten,
            }
        else:
            body = self._array_entry(given, tag)
            names |= {
                f"pop{tag}": self._idle.pop,
                f"push{tag}": self._idle.append,
                f"make{tag}": self._make,
                f"is_changed{tag}": self._changed,
                f"unflatten{tag}": self._unflatten,
            }
        # Where it raises the general way is gone: what comes of it only the function itself knows,
        # which raises, catches, or goes on with infinity.
        attempt = [
            "    try:",
            f"        if {condition}:",
            *(f"            {line}" for line in body),
            "    except Exception:",
            "        pass",
        ]
        if parameters is not None:
            head = [f"def run({', '.join(arguments)}):", *attempt]
            tail = [f"    return general({together}, {{}})"]
        else:
            head = [
                "def run(*args, **kwargs):",
                f"    if len(args) == {len(args)} and not kwargs:",
                f"        {together} = args",
                *(f"    {line}" for line in attempt),
            ]
            tail = ["    return general(args, kwargs)"]
        return "\n".join([*head, *tail]) + "\n", names

    def _conditions(
        self, arguments: Sequence[str], args: Sequence[Any], tag: str, names: dict[str, Any]
    ) -> list[str]:
        """Return the conditions that arguments like these meet, and add the names they need."""
        conditions = []
        for i, (a, x) in enumerate(zip(arguments, args, strict=True)):
            if type(x) is float:
                conditions.append(f"{a}.__class__ is float")
                continue
            names |= {f"dtype_{i}{tag}": x.dtype, f"shape_{i}{tag}": x.shape}
            conditions += [
                f"type({a}) is ndarray",
                f"{a}.shape == shape_{i}{tag}",
                f"{a}.dtype is dtype_{i}{tag}",
            ]
        return conditions

    def _fits_within(self, parameters: Sequence[str]) -> bool:
        """Return whether the statements of the plan can stand in a function of parameters."""
        head = f"def run({', '.join(parameters)}):"
        alone = head in self.source and self.source.count("\ndef ") == 1
        return alone and self._unflatten is None and self.source.count("\n") <= _WITHIN

    def _scalar_call(self, arguments: Sequence[str], tag: str) -> list[str]:
        """Return statements that run the plan, which has no buffers."""
        done = "result" if self._unflatten is None else f"unflatten{tag}(result)"
        return [f"result = scalar{tag}({', '.join(arguments)})", *unless(tag, done)]

    def _scalar_entry(self, parameters: Sequence[str]) -> list[str]:
        """Return the statements of the plan itself: a call would double the time."""
        _, body = self.source.split("\ndef run(", 1)
        statements = [line[4:] for line in body.splitlines()[1:]]
        again = f"return general(({', '.join(parameters)},), {{}})"
        return [
            line.replace("return changed", again) if line.strip() == "return changed" else line
            for line in statements
        ]

    def _array_entry(self, arguments: Sequence[str], tag: str) -> list[str]:
        """Return statements that run the plan with buffers of its own."""
        call = f"result = run({', '.join(arguments)})"
        if self._quiet:
            calls = ['with errstate(divide="ignore", invalid="ignore"):', f"    {call}"]
        else:
            calls = [call]
        done = "result" if self._unflatten is None else f"unflatten{tag}(result)"
        return [
            "try:",
            f"    run = pop{tag}()",
            "except IndexError:",
            f"    run = make{tag}()",
            *calls,
            f"push{tag}(run)",
            *unless(tag, done),
        ]


def unless(tag: str, done: str) -> list[str]:
    """Return statements that return a result unless the plan is not for the arguments."""
    return [f"if result is not is_changed{tag}:", f"    return {done}"]


def _unpack(
    expression: str,
    x: Any,
    tag: str,
    conditions: list[str],
    leaves: list[tuple[str, Any]],
    names: dict[str, Any],
) -> bool:
    """Add what takes an argument apart: conditions, and a name for each leaf with its value."""
    if type(x) in (np.ndarray, float):
        leaves.append((expression, x))
        return True
    items: Iterable[tuple[Any, Any]]
    if type(x) is dict and all(type(key) is str for key in x):
        # A function may go through the items: their order counts.
        names[keys := f"keys_{len(names)}{tag}"] = list(x)
        conditions += [f"type({expression}) is dict", f"[*{expression}] == {keys}"]
        items = x.items()
    elif type(x) in (list, tuple):
        conditions += [
            f"type({expression}) is {type(x).__name__}",
            f"len({expression}) == {len(x)}",
        ]
        items = enumerate(x)
    else:
        return False
    for key, value in items:
        part = f"part_{len(conditions)}{tag}"
        conditions.append(f"(({part} := {expression}[{key!r}]) is {part})")
        if not _unpack(part, value, tag, conditions, leaves, names):
            return False
    return True


def _as_number(x: Any) -> Any:
    """Return a number as Python's own; an array as it is."""
    return x if isinstance(x, np.ndarray) and x.ndim else float(x)


def _plain_parameters(f: Callable[..., Any], count: int, tag: str) -> list[str] | None:
    """Return the names of a function's parameters, if they are all positional ones."""
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return None
    plain = all(p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty for p in parameters)
    names = [p.name for p in parameters]
    taken = {
        "general",
        "run",
        "result",
        "ndarray",
        "errstate",
        "float",
        "type",
        "dict",
        "list",
        "tuple",
        "len",
    }
    odd = any(n in taken or n.endswith(tag) for n in names)
    return names if plain and len(names) == count and not odd else None
