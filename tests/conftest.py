import os

import numpy as np
import pytest
from hypothesis import settings

# A verdict must be the same when it is asked for again; new examples are for people at work.
settings.register_profile("CI", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("CI")


@pytest.fixture
def rng():
    """The one source of randomness of the tests."""
    return np.random.default_rng(20260)
