import pytest

from autodiff.plan import make


@pytest.fixture(autouse=True)
def every_pass_is_checked(monkeypatch):
    """Every plan of these tests is checked after each pass, not after the last alone."""
    monkeypatch.setattr(make, "CHECK_EVERY_PASS", True)
