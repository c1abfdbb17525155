"""The suite as tests of a library: ``pytest --gradscale-conformance mylib:grad``.

pytest loads it by its entry point wherever gradscale is installed: it imports nothing but pytest
before the option is used.
"""

import importlib
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

__all__ = ["KnownFailures"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the library to the command line, and its known failures to the settings."""
    group = parser.getgroup("gradscale")
    group.addoption(
        "--gradscale-conformance",
        metavar="MODULE:GRADIENT",
        help="run the conformance suite on gradient(f, wrt) of a module or of FILE.py",
    )
    parser.addini(
        "gradscale_known_failures",
        "file of cases that fail, a line each: FAMILY::CASE; such a case must fail (default: "
        "gradscale_known_failures.txt)",
        default="gradscale_known_failures.txt",
    )


class KnownFailures(frozenset[str]):
    """Names of cases that are known to fail, as a file holds them."""

    @classmethod
    def read(cls, path: Path) -> "KnownFailures":
        """Return the names in a file, none if it is not there; # begins a comment line."""
        if not path.is_file():
            return cls()
        lines = map(str.strip, path.read_text(encoding="utf-8").splitlines())
        return cls(line for line in lines if line and not line.startswith("#"))


class _Wrong(Exception):
    """A verdict that is not right."""


class _Item(pytest.Item):
    """One case."""

    def __init__(self, *, case: Any, gradient: Any, **more: Any) -> None:
        super().__init__(**more)
        self._case, self._gradient = case, gradient

    def runtest(self) -> None:
        from compare.conformance.judge import verdict_of
        from compare.conformance.libraries import Library
        from compare.conformance.program import program
        from compare.conformance.run import answer, by_gradient

        case = self._case
        derivative = partial(by_gradient, self._gradient)
        verdict = verdict_of(case, *answer(derivative, case.family, case.name))
        if verdict.verdict not in ("right", "convention"):
            prelude = ("import numpy as np", "# gradient = your function")
            text = program(case, Library("", "", derivative, prelude))
            told = [f"{verdict.verdict}: {verdict.message or verdict.value}", case.why, text]
            raise _Wrong("\n".join(filter(None, told)))

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        if isinstance(excinfo.value, _Wrong):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, None, str]:
        return self.path, None, self.name


@pytest.hookimpl(tryfirst=True)  # before -k chooses among them
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add the cases, those that are known to fail as strict xfails."""
    typed = config.getoption("gradscale_conformance")
    if not typed:
        return
    from compare.conformance.suite import FAMILIES, cases_of

    gradient = _gradient(typed, config)
    known = KnownFailures.read(config.rootpath / config.getini("gradscale_known_failures"))
    cases = [case for family in FAMILIES for case in cases_of(family)]
    unknown = known - {f"{case.family}::{case.name}" for case in cases}
    if unknown:
        raise pytest.UsageError(f"gradscale_known_failures: no case is called {min(unknown)!r}")
    for case in cases:
        name = f"{case.family}::{case.name}"
        item = _Item.from_parent(session, name=name, case=case, gradient=gradient)
        if name in known:
            item.add_marker(pytest.mark.xfail(strict=True, reason="a known failure"))
        items.append(item)


def _gradient(typed: str, config: pytest.Config) -> Any:
    from compare.registry.plugins import in_file, is_in_file

    try:
        gradient = in_file(typed)[1] if is_in_file(typed) else _in_module(typed, config)
        if not callable(gradient):
            raise TypeError(f"it is of type {type(gradient).__name__}, not a function")
    except Exception as error:  # whatever a module raises when it is imported
        told = f"{type(error).__name__}: {error}; expected MODULE:GRADIENT or FILE.py:GRADIENT"
        raise pytest.UsageError(f"--gradscale-conformance {typed}: {told}") from None
    return gradient


def _in_module(typed: str, config: pytest.Config) -> Any:
    folder, (module, _, name) = str(config.invocation_params.dir), typed.partition(":")
    sys.path.insert(0, folder)
    try:
        return getattr(importlib.import_module(module), name)
    finally:
        sys.path.remove(folder)
        sys.path.append(folder)  # for what it imports later; it hides no module of Python's there
