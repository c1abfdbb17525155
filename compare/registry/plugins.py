"""Entries by others: of an entry point group, and names in files of Python."""

import importlib.util
import sys
import warnings
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, TypeVar

from compare.registry.naming import nearest

__all__ = ["in_file", "is_in_file", "plugins"]

_Entry = TypeVar("_Entry")


def plugins(group: str, kind: type[_Entry], taken: Mapping[str, Any]) -> dict[str, _Entry]:
    """Return the entries that installed packages add to a table."""
    found: dict[str, _Entry] = {}
    for point in entry_points(group=group):
        try:
            entry = point.load()
            if not isinstance(entry, kind):
                raise TypeError(f"a {type(entry).__name__} arrived; expected a {kind.__name__}")
            name = str(getattr(entry, "name", point.name))
            if name in taken or name in found:
                raise ValueError(f"its name {name!r} is taken")
        except Exception as error:
            warnings.warn(
                f"the plug-in {point.name!r} of the group {group} ({point.value}) is left out: "
                f"{type(error).__name__}: {error}",
                stacklevel=2,
            )
        else:
            found[name] = entry
    return found


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
        raise ValueError(f"{path} cannot be run{where}: {type(error).__name__}: {error}") from error
    finally:
        del sys.modules[name]
    return vars(module)
