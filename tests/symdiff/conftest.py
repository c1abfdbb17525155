"""Fixtures of the symbolic engine's tests: their own seed."""

import numpy as np
import pytest


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20180153)
