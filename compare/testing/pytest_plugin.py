"""The pytest plugin of gradscale: the fixture `gradients_agree`.

pytest loads it by its entry point wherever gradscale is installed, also for projects that have no
use for it: it imports nothing but pytest before the fixture is used.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

__all__ = ["gradients_agree"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the seed to the command line and to the settings of pytest."""
    words = "seed of the entries at which gradients_agree takes central differences"
    group = parser.getgroup("gradscale")
    group.addoption("--gradients-seed", type=int, default=None, metavar="N", help=words)
    parser.addini("gradients_seed", words + " (default: 0)", default="0")


@pytest.fixture
def gradients_agree(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Any]:
    """Return `compare.assert_gradients_agree`, with the seed of this run and the test's folder."""
    from compare.testing.asserting import assert_gradients_agree

    seed = request.config.getoption("gradients_seed")
    if seed is None:
        written = str(request.config.getini("gradients_seed"))
        if not written.isdecimal():
            raise pytest.UsageError(
                f"gradients_seed is {written!r} in the settings; expected a whole number"
            )
        seed = int(written)
    return partial(assert_gradients_agree, seed=seed, folder=tmp_path)
