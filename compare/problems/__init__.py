"""Functions to differentiate: the examples of notes and textbooks, and networks that grow.

Other packages add theirs by an entry point in the group ``gradscale.problems`` that names a
`Problem`.
"""

from compare.problems import classics, edges, logistic, mlp, notes
from compare.problems.namespace import namespace
from compare.problems.problem import Case, Gradients, Inputs, Problem
from compare.registry.naming import nearest
from compare.registry.plugins import Table

__all__ = ["PROBLEMS", "Case", "Gradients", "Inputs", "Problem", "get_problem", "namespace"]

#: Every problem by its name, in the order in which a report shows them.
PROBLEMS: Table[Problem] = Table(
    "gradscale.problems",
    Problem,
    [problem for module in (notes, edges, logistic, classics, mlp) for problem in module.PROBLEMS],
)


def get_problem(name: str) -> Problem:
    """Return the problem of a name.

    Parameters
    ----------
    name : str
        Name of the problem, such as ``"mlp-width"``.

    Returns
    -------
    Problem
        The problem.

    Raises
    ------
    ValueError
        If there is no such problem; the message names the nearest one, and all.

    Examples
    --------
    >>> get_problem("circuit").meaning
    'the circuit (x + y) z'
    """
    return nearest("problem", name, PROBLEMS)
