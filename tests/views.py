"""Calls that give a view, a copy, or either, for the tests of both engines."""

import numpy as np

WEIGHTS = np.arange(1.0, 7.0).reshape(2, 3)
#: Which of them it is, NumPy decides by how the array lies.
VIEWS_AND_COPIES = {
    "reshape": [
        *(lambda x, k=k: np.reshape(x, (3, 2), copy=k) for k in (None, True)),
        *(lambda x, k=k: x.reshape(-1, copy=k) for k in (None, True)),
        *(lambda x, o=o, k=k: np.reshape(x, 6, o, copy=k) for o in "CFA" for k in (None, True)),
        lambda x: np.reshape(x, (2, 3), copy=True),
    ],
    "ravel": [
        *(lambda x, o=o: x.ravel(o) for o in "CFAK"),
        # What lies apart can be a view in another shape, but ravel makes it lie together.
        *(lambda x, o=o: x[0, ::2].ravel(o) for o in "CFAK"),
        lambda x: x[0, ::2].reshape(-1),
        lambda x: x[::-1, 1].ravel(),
        lambda x: np.reshape(x[:, 1], (2, 1)),
    ],
    "flatten": [lambda x, o=o: x.flatten(o) for o in "CF"],
    "astype": [
        *(lambda x, k=k: x.astype(float, copy=k) for k in (True, False)),
        *(lambda x, k=k: np.astype(x, float, copy=k) for k in (True, False)),
    ],
    "array": [
        *(lambda x, k=k: np.array(x, copy=k) for k in (True, None)),
        *(np.asarray, np.ascontiguousarray, np.asfortranarray, np.atleast_2d, np.copy),
    ],
    "axes": [
        *(np.transpose, np.squeeze, np.real, np.flip),
        *(lambda x: x.conj(), lambda x: x.conjugate(), np.conj),
        lambda x: np.swapaxes(x, 0, 1),
        lambda x: np.moveaxis(x, 0, -1),
        lambda x: np.expand_dims(x, 1),
        lambda x: np.split(x, 3, axis=1)[1],
    ],
    "index": [
        lambda x, i=i: x[i] for i in (..., 0, (0, ...), [0, 1], WEIGHTS > 2, slice(None, None, -1))
    ],
    "made": [
        *(np.positive, np.concatenate, np.vstack, np.block),
        lambda x: np.meshgrid(x[0], x[1])[0],
        lambda x: np.meshgrid(x[0], x[1], copy=False, sparse=True)[1],
        lambda x: np.resize(x, (2, 3)),
        lambda x: np.repeat(x, 1, axis=0),
        lambda x: np.take(x, [1, 0], axis=0),
        lambda x: np.clip(x, -9, 9),
        lambda x: np.roll(x, 0),
        lambda x: np.pad(x, 0),
        lambda x: np.where(True, x, x),
        lambda x: np.tile(x, 1),
    ],
}


def writing(kind):
    """Yield functions that write into what a call gives, of arrays in rows and in columns."""
    for call in VIEWS_AND_COPIES[kind]:
        for columns in (False, True):

            def f(x, call=call, columns=columns):
                a = np.transpose(np.reshape(x * 1.0, (3, 2))) if columns else x * 1.0
                b = call(a)
                b += 1.5
                return np.sum(a**2 * WEIGHTS) + np.sum(b**3)

            yield f
