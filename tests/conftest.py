import numpy as np
import pytest


@pytest.fixture
def rng():
    """The one source of randomness of the tests."""
    return np.random.default_rng(20260)
