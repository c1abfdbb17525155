"""Which code is the user's: not Python's own, that of large libraries, or this package."""

import functools
import os
import sys
import types
from typing import Any

from autodiff import errors

__all__ = [
    *("OWN_CODE", "in_packages", "is_foreign", "is_installed", "is_own", "is_standard", "is_users"),
    *("is_users_code", "is_users_module"),
]

#: Where the code of the entries of compiled functions, and of their guards, is said to be from.
OWN_CODE = "<autodiff>"


def _folder(path: str) -> str:
    return os.path.realpath(path) + os.sep


_OWN = _folder(os.path.dirname(errors.__file__))


@functools.cache
def _libraries() -> tuple[str, tuple[str, ...]]:
    """Return the folder of Python's own modules, and those of installed packages."""
    # late: it reads a file of a thousand settings
    import sysconfig

    installed = {_folder(sysconfig.get_path(key)) for key in ("purelib", "platlib")}
    return _folder(sysconfig.get_path("stdlib")), tuple(installed)


#: Installed packages whose modules hold nothing of the user's.
_LIBRARIES = ("numpy", "scipy", "numba", "autodiff", "pandas", "jax", "jaxlib")


@functools.cache
def is_users(file: str) -> bool:
    """Return whether the code of a file may be the user's: not Python's, NumPy's or our own."""
    if file.startswith("<frozen"):
        return False
    path = os.path.realpath(file)
    if path.startswith(_OWN):
        return False
    standard, installed = _libraries()
    for folder in installed:
        if path.startswith(folder):
            return path[len(folder) :].split(os.sep)[0] not in _LIBRARIES
    return not path.startswith(standard)


def is_own(file: str) -> bool:
    """Return whether a file is of this package."""
    return file.startswith(_OWN)


@functools.cache
def is_standard(file: str) -> bool:
    """Return whether a file is of Python's own library."""
    return os.path.realpath(file).startswith(_libraries()[0]) and not is_users(file)


@functools.cache
def in_packages(file: str) -> bool:
    """Return whether a file is of an installed package."""
    return os.path.realpath(file).startswith(_libraries()[1])


@functools.cache
def is_users_module(name: str) -> bool:
    """Return whether a class of a module may be the user's."""
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None)
    if module is None or name == "__main__":
        return True
    if file is None:
        origin = getattr(getattr(module, "__spec__", None), "origin", None)
        return name not in sys.builtin_module_names and origin not in ("built-in", "frozen")
    return is_users(file)


def is_users_code(code: types.CodeType, place: dict[str, Any]) -> bool:
    """Return whether code may be the user's; what a library makes of text is the library's."""
    if code.co_filename in (OWN_CODE, "<plan>"):
        return False
    if not code.co_filename.startswith("<") or code.co_filename.startswith("<frozen"):
        return is_users(code.co_filename)
    module = sys.modules.get(str(place.get("__name__")))
    own = module is not None and vars(module) is place
    return not own or is_users_module(module.__name__)  # type: ignore[union-attr]


@functools.cache
def is_installed(name: str) -> bool:
    """Return whether a module belongs to an installed package, not to a user's own folders."""
    file = getattr(sys.modules.get(name), "__file__", None)
    standard, installed = _libraries()
    return file is not None and os.path.realpath(file).startswith((standard, *installed))


@functools.cache
def is_foreign(name: str) -> bool:
    """Return whether a module belongs to an installed package other than NumPy and this one."""
    file = getattr(sys.modules.get(name), "__file__", None)
    own = name.split(".")[0] in ("numpy", "autodiff")
    return file is not None and not own and os.path.realpath(file).startswith(_libraries()[1])
