"""Our derivatives beside those in print: right by numbers, and none longer."""

import numpy as np

from docs_tools.cookbook import ENTRIES, source_of_the_written, symbols

LENGTHS = {"k": 2, "l": 5, "m": 4, "n": 3}


def _point(entry, rng):
    """Return positive numbers; square matrices are far from singular."""
    point = {}
    for name, lengths in entry.arguments.items():
        point[name] = rng.uniform(0.3, 1.3, size=[LENGTHS[n] for n in lengths])
        if len(set(lengths)) == 1 and len(lengths) == 2:
            point[name] += 2 * np.eye(LENGTHS[lengths[0]])
    return point


def test_every_formula_is_right_and_none_is_longer(rng, differences):
    assert len(ENTRIES) >= 60
    for entry in ENTRIES:
        assert symbols(entry.ours) <= symbols(entry.printed), (entry.code, entry.ours)
        space = {}
        exec(source_of_the_written(entry.gradient), space)
        point = _point(entry, rng)
        _, found = space["value_and_gradient"](**point)
        differences(entry.function, found, point)
