"""Planted mistakes: which of them the tests catch, by the operators of cosmic-ray."""
