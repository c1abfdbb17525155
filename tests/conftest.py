"""Fixtures of all tests: one seed, one central difference."""

import gc
import inspect
import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

# A verdict must be the same when it is asked for again; new examples are for people at work.
settings.register_profile("CI", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("CI")


def pytest_configure(config: pytest.Config) -> None:
    """Give each worker of xdist cores of its own: what measures pins to the last that it has."""
    worker = getattr(config, "workerinput", None)
    if worker and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        own = cores[int(worker["workerid"].removeprefix("gw")) :: worker["workercount"]]
        os.sched_setaffinity(0, own or cores)


def pytest_collection_finish() -> None:
    """Leave what was imported out of the collector's rounds: it walks through nothing else."""
    gc.collect()
    gc.freeze()


Case = tuple[str, dict[str, Any]]


def _names(mark: pytest.Mark) -> list[str]:
    """Return the names of the arguments that a mark gives, written as `parametrize` takes them."""
    names = mark.args[0]
    return [n.strip() for n in names.split(",")] if isinstance(names, str) else list(names)


def _cases(mark: pytest.Mark) -> Iterator[Case]:
    """Yield what a test marked ``each`` is called with, and how a failure names it."""
    names = _names(mark)
    for i, case in enumerate(mark.args[1]):
        parameters = case if isinstance(case, type(pytest.param())) else None
        assert not (parameters and parameters.marks), "a marked case is one of its own"
        values = parameters.values if parameters else case if len(names) > 1 else [case]
        shown = ", ".join(str(getattr(v, "__name__", v))[:200] for v in values)
        text = str(parameters.id) if parameters and parameters.id else shown
        yield f"{i} ({text})", dict(zip(names, values, strict=True))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test marked ``each`` all its cases in one item; in two where it is sampled."""
    marks = list(metafunc.definition.iter_markers("each"))
    if not marks:
        return
    cases = [
        (" and ".join(name for name, _ in chosen), {k: v for _, a in chosen for k, v in a.items()})
        for chosen in itertools.product(*(list(_cases(mark)) for mark in marks))
    ]
    sampled = metafunc.definition.get_closest_marker("sampled")
    every = sampled.args[0] if sampled else 1
    parts = {"each": cases[::every], "others": [c for i, c in enumerate(cases) if i % every]}
    names = list(cases[0][1])
    metafunc.parametrize(
        names,
        [
            pytest.param(
                *[part] * len(names),
                id=name,
                marks=[*marks, *([pytest.mark.exhaustive] if name == "others" else [])],
            )
            for name, part in parts.items()
            if part
        ],
    )


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Call a test marked ``each`` with one case after another; what fails says which it was.

    Each begins with the same random numbers, so that a case more changes no other.
    """
    mark = pyfuncitem.get_closest_marker("each")
    if mark is None:
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    given = {name: value for name, value in pyfuncitem.funcargs.items() if name in wanted}
    bits = pyfuncitem.funcargs["rng"].bit_generator if "rng" in pyfuncitem.funcargs else None
    state = bits.state if bits else None
    cases = given[_names(mark)[0]]
    skipped = []
    for name, case in cases:
        if bits:
            bits.state = state
        try:
            pyfuncitem.obj(**{**given, **case})
        except pytest.skip.Exception as reason:
            skipped.append(reason)
        except BaseException as error:
            error.add_note(f"case {name}")
            raise
    if len(skipped) == len(cases):
        raise skipped[0]
    return True


#: Modules whose examples start processes: they run with what is exhaustive.
_STARTING = (
    "compare/__init__.py",
    "compare/conformance/run.py",
    "compare/measure/sweep.py",
    "compare/run/verify.py",
    "compare/truth/measure.py",
    "benchmarks/symbolic/run.py",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as exhaustive what starts processes, and cases that are left out of those sampled."""
    met: Counter[str] = Counter()
    for item in items:
        if item.nodeid.startswith(_STARTING):
            item.add_marker("exhaustive")
        sampled = item.get_closest_marker("sampled")
        if sampled is not None and item.get_closest_marker("each") is None:
            test = item.nodeid.partition("[")[0]
            if met[test] % sampled.args[0]:
                item.add_marker("exhaustive")
            met[test] += 1


@pytest.fixture
def rng():
    """The one source of randomness of the tests."""
    return np.random.default_rng(20260)


STEP = 1e-6
TOLERANCE = 2e-7  # a central difference with this step is good to about 1e-9 of the value


def check_against_differences(
    f: Callable[..., Any], found: dict[str, Any], point: dict[str, Any]
) -> None:
    """Hold a gradient against central differences, entry by entry."""
    for name, gradient in found.items():
        base = np.asarray(point[name], dtype=float)
        gradient = np.asarray(gradient)
        assert gradient.shape == base.shape
        for index in np.ndindex(base.shape):
            ends = []
            for sign in (1, -1):
                moved = base.copy()
                moved[index] += sign * STEP
                ends.append(float(f(**{**point, name: moved})))
            expected = (ends[0] - ends[1]) / (2 * STEP)
            np.testing.assert_allclose(
                gradient[index], expected, rtol=TOLERANCE, atol=TOLERANCE, err_msg=f"{name}{index}"
            )


@pytest.fixture(name="differences")
def _differences() -> Callable[..., None]:
    return check_against_differences
