"""Every entry of a Jacobian against its central difference."""

import numpy as np

import autodiff

#: Truncation grows with the square of the step, rounding with its inverse: this balances them.
STEP = np.finfo(float).eps ** (1 / 3)


def largest_error(function, arguments):
    """Return the largest error of a derivative, relative to the largest derivative.

    The arguments are floats, arrays and dicts of arrays; all are differentiated.
    """
    worst = 0.0
    everything = tuple(range(len(arguments)))
    for found, *path in _leaves(autodiff.jacobian(function, everything)(*arguments), arguments):
        expected = _central_differences(function, arguments, path)
        found = np.reshape(found, expected.shape)
        largest = np.max(np.abs(expected), initial=np.finfo(float).tiny)
        worst = max(worst, float(np.max(np.abs(found - expected), initial=0.0) / largest))
    return worst


def _leaves(jacobian, arguments):
    """Yield the parts of a Jacobian, each with its place in the arguments."""
    for i, argument in enumerate(arguments):
        if isinstance(argument, dict):
            yield from ((jacobian[i][name], i, name) for name in argument)
        else:
            yield jacobian[i], i


def _central_differences(function, arguments, path):
    """Return the derivatives by one array or float, in the last axis of an array."""
    columns = []
    argument = arguments[path[0]]
    x = np.asarray(argument[path[1]] if len(path) > 1 else argument)
    for place in np.ndindex(x.shape):
        step = STEP * max(1.0, float(abs(x[place])))
        sides = []
        for moved_by in (step, -step):
            moved = x.copy()
            moved[place] += moved_by
            changed = {**argument, path[1]: moved} if len(path) > 1 else moved[()]
            sides.append(function(*arguments[: path[0]], changed, *arguments[path[0] + 1 :]))
        columns.append((sides[0] - sides[1]) / (2 * step))
    return np.stack(columns, axis=-1)
