"""Entries by others: of an entry point group, and names in files of Python."""

import importlib.util
import sys
import warnings
from collections.abc import Container, Iterable, Iterator, Mapping, MutableMapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, TypeVar

from compare.registry.naming import nearest

__all__ = ["Table", "in_file", "is_in_file"]

_Entry = TypeVar("_Entry")


class Table(MutableMapping[str, _Entry]):
    """Entries by name: those that are shipped, then those of plug-ins, loaded at the first look.

    Parameters
    ----------
    group : str
        Group of entry points by which installed packages add theirs.
    kind : type
        Type of an entry, which has a name.
    shipped : iterable
        Entries that need no plug-in.
    reserved : container of str
        Names that belong to something else.
    """

    def __init__(
        self,
        group: str,
        kind: type[_Entry],
        shipped: Iterable[_Entry],
        reserved: Container[str] = (),
    ) -> None:
        self._group, self._kind, self._reserved = group, kind, reserved
        self._entries: dict[str, _Entry] = {_name(entry): entry for entry in shipped}
        self._shipped = frozenset(self._entries)
        self._waiting: list[EntryPoint] | None = None

    @property
    def plugins(self) -> tuple[str, ...]:
        """Names of the entries that plug-ins have added."""
        return tuple(name for name in self if name not in self._shipped)

    def __getitem__(self, name: str) -> _Entry:
        return self._complete()[name]

    def __setitem__(self, name: str, entry: _Entry) -> None:
        self._complete()[name] = entry

    def __delitem__(self, name: str) -> None:
        del self._complete()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._complete())

    def __len__(self) -> int:
        return len(self._complete())

    def __or__(self, others: Mapping[str, _Entry]) -> dict[str, _Entry]:
        return {**self, **others}

    def _complete(self) -> dict[str, _Entry]:
        """Return the entries, with those of the plug-ins that can be loaded by now."""
        if self._waiting is None:
            self._waiting = list(entry_points(group=self._group))
        # A plug-in that looks here while it is loaded finds what there is so far.
        waiting, self._waiting = self._waiting, []
        for point in waiting:
            if _is_being_imported(point.module):
                self._waiting.append(point)
                continue
            try:
                self._add(point)
            except Exception as error:
                warnings.warn(
                    f"the plug-in {point.name!r} of the group {self._group} ({point.value}) is "
                    f"left out: {type(error).__name__}: {error}",
                    stacklevel=3,
                )
        return self._entries

    def _add(self, point: EntryPoint) -> None:
        entry = point.load()
        if not isinstance(entry, self._kind):
            raise TypeError(f"a {type(entry).__name__} arrived; expected a {self._kind.__name__}")
        name = _name(entry)
        if name in self._entries or name in self._reserved:
            raise ValueError(f"its name {name!r} is taken")
        self._entries[name] = entry


def _name(entry: Any) -> str:
    return str(entry.name)


def _is_being_imported(module: str) -> bool:
    """Return whether a module, or a package around it, has begun to run and not ended."""
    while module:
        spec = getattr(sys.modules.get(module), "__spec__", None)
        if getattr(spec, "_initializing", False):
            return True
        module = module.rpartition(".")[0]
    return False


def is_in_file(name: str) -> bool:
    """Return whether a name is one in a file, as in ``model.py:loss``.

    Examples
    --------
    >>> is_in_file("models/mine.py:loss"), is_in_file("mlp-width")
    (True, False)
    """
    return name.endswith(".py") or ".py:" in name


def in_file(typed: str) -> tuple[str, Any]:
    """Return a name and its value in a file, which is run as a module.

    Examples
    --------
    >>> in_file("no/such/model.py:loss")
    Traceback (most recent call last):
    ValueError: no/such/model.py: there is no such file; expected FILE.py:NAME
    """
    text, _, name = typed.rpartition(":") if ".py:" in typed else (typed, "", "")
    path = Path(text)
    if not path.is_file():
        raise ValueError(f"{text}: there is no such file; expected FILE.py:NAME")
    if not name:
        raise ValueError(f"{typed} names no function; expected {typed.rstrip(':')}:NAME")
    names = _run(path)
    own = {each: value for each, value in names.items() if not each.startswith("_")}
    return name, names[name] if name in names else nearest(f"name in {text}", name, own)


def _run(path: Path) -> dict[str, Any]:
    """Return the global names of a file that was run as a module."""
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        # At the end: a neighbour called `random` must not hide Python's own.
        sys.path.append(folder)
    name = f"gradscale_file_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up while they are made.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        where = f" at line {error.lineno}" if isinstance(error, SyntaxError) else ""
        hidden = ""
        if isinstance(error, ImportError) and error.name:
            top = error.name.partition(".")[0]
            found, own = sys.modules.get(top), path.resolve().with_name(f"{top}.py")
            if own.is_file() and getattr(found, "__file__", None) != str(own):
                hidden = f" ({own.name} beside it is hidden by an installed module: rename it)"
        raise ValueError(
            f"{path} cannot be run{where}: {type(error).__name__}: {error}{hidden}"
        ) from error
    finally:
        del sys.modules[name]
    return vars(module)
