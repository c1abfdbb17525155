"""Two functions at which gradients are easily wrong: exact ties, and an index that occurs twice."""

from typing import Any

import numpy as np

from compare.problems.namespace import namespace
from compare.problems.problem import Gradients, Inputs, Problem

__all__ = [
    "PROBLEMS",
    "embedding_loss",
    "embedding_loss_gradient",
    "tied_maxima",
    "tied_maxima_gradient",
]

#: Words of a sentence, as rows of the table of embeddings: two of them occur twice, one never.
_WORDS = np.array([2, 0, 2, 3, 0])


def tied_maxima(x: Any, y: Any, c: Any) -> Any:
    """Return the weighted sum of ``max(x, y)`` and ``max(x, 0)``.

    Examples
    --------
    >>> float(tied_maxima(np.array([1.0, 0.0]), np.array([1.0, 3.0]), np.ones(2)))
    5.0
    """
    xp = namespace(x, y, c)
    return xp.sum(c * xp.maximum(x, y)) + xp.sum(c * xp.maximum(x, 0.0))


def tied_maxima_gradient(x: Any, y: Any, c: Any) -> tuple[float, Gradients]:
    """Return value and gradient of `tied_maxima`.

    Notes
    -----
    Where two tie there is no derivative, and they share evenly: ``x_bar = c (s(x - y) + s(x))`` and
    ``y_bar = c s(y - x)`` with ``s`` the step that is 1/2 at 0. Any other sharing that adds up to
    the whole would do as well for a step of gradient descent, but not zero for both: along
    ``x = y`` the function has a derivative, and it is not zero.

    Examples
    --------
    >>> _, gradient = tied_maxima_gradient(np.array([1.0, 0.0]), np.array([1.0, 3.0]), np.ones(2))
    >>> gradient["x"], gradient["y"]
    (array([1.5, 0.5]), array([0.5, 1. ]))
    """
    value = float(c @ np.maximum(x, y) + c @ np.maximum(x, 0.0))
    x_wins = np.heaviside(x - y, 0.5)
    return value, {"x": c * (x_wins + np.heaviside(x, 0.5)), "y": c * (1.0 - x_wins)}


def embedding_loss(table: Any, w: Any, t: Any) -> Any:
    """Return the squared loss of a linear layer on the embeddings of a sentence.

    Examples
    --------
    >>> float(embedding_loss(np.ones((4, 2)), np.ones(2), np.ones(5)))
    5.0
    """
    xp = namespace(table, w, t)
    return xp.sum((table[_WORDS] @ w - t) ** 2)


def embedding_loss_gradient(table: Any, w: Any, t: Any) -> tuple[float, Gradients]:
    """Return value and gradient of `embedding_loss`.

    Notes
    -----
    With ``e = table[sentence]`` and ``r = e w - t``: ``w_bar = 2 e^T r``, and ``e_bar = 2 r w^T``
    is added to the row of its word, for each time that it occurs.

    Examples
    --------
    >>> _, gradient = embedding_loss_gradient(np.ones((4, 1)), np.ones(1), np.zeros(5))
    >>> gradient["table"].ravel()
    array([4., 0., 4., 2.])
    """
    embedded = table[_WORDS]
    residual = embedded @ w - t
    table_bar = np.zeros_like(table)
    np.add.at(table_bar, _WORDS, 2.0 * residual[:, None] * w)
    value = float(residual @ residual)
    return value, {"table": table_bar, "w": 2.0 * residual @ embedded}


def _tied(size: int, rng: np.random.Generator) -> Inputs:
    """Return vectors of which every second entry ties, the first of them at zero."""
    x, y = rng.standard_normal(size), rng.standard_normal(size)
    y[::2] = x[::2]
    x[:1] = y[:1] = 0.0
    return {"x": x, "y": y, "c": rng.uniform(0.5, 1.5, size)}


def _sentence(size: int, rng: np.random.Generator) -> Inputs:
    """Return embeddings of some size for four words, weights and targets."""
    return {
        "table": rng.standard_normal((int(_WORDS.max()) + 1, size)),
        "w": rng.standard_normal(size),
        "t": rng.standard_normal(_WORDS.size),
    }


def _tied_label(size: int) -> str:
    """Return the number of entries."""
    return f"{size} entries"


def _sentence_label(size: int) -> str:
    """Return the shape of the table."""
    return f"{int(_WORDS.max()) + 1} x {size}"


#: Both are verified at their edge; neither grows.
PROBLEMS: tuple[Problem, ...] = (
    Problem(
        name="ties",
        family="notes",
        function=tied_maxima,
        wrt=("x", "y"),
        inputs=_tied,
        sizes=(6,),
        usual_sizes=(),
        quick_sizes=(),
        verify_size=6,
        meaning="maxima of two that tie exactly, and of zero",
        label=_tied_label,
        gradient=tied_maxima_gradient,
        analytic=False,
    ),
    Problem(
        name="embedding",
        family="notes",
        function=embedding_loss,
        wrt=("table", "w"),
        inputs=_sentence,
        sizes=(3,),
        usual_sizes=(),
        quick_sizes=(),
        verify_size=3,
        meaning="squared loss on embeddings of words that occur twice",
        label=_sentence_label,
        gradient=embedding_loss_gradient,
    ),
)
