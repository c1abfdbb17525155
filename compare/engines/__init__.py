"""The engines under comparison, each one entry.

Other packages add theirs by an entry point in the group ``gradscale.engines`` that names an
`Engine`.
"""

from importlib.metadata import entry_points

from compare.engines.engine import Engine, Prepared
from compare.engines.graph import GRAPH, GRAPH_COMPILED
from compare.engines.hand import HAND_WRITTEN
from compare.engines.numerical import COMPLEX_STEP, FINITE_DIFFERENCES
from compare.engines.symbolic import ADJOINT, EXPANDED, MATRIX, SHARED
from compare.naming import nearest

__all__ = ["ENGINES", "Engine", "Prepared", "get_engine"]

#: Every engine by name, in the order in which tables show them.
ENGINES: dict[str, Engine] = {
    engine.name: engine
    for engine in (
        EXPANDED,
        SHARED,
        ADJOINT,
        MATRIX,
        GRAPH,
        GRAPH_COMPILED,
        HAND_WRITTEN,
        FINITE_DIFFERENCES,
        COMPLEX_STEP,
    )
}
ENGINES.update(
    {point.name: point.load() for point in entry_points(group="gradscale.engines")},
)


def get_engine(name: str) -> Engine:
    """Return an engine by its name.

    Parameters
    ----------
    name : str
        Name of an engine.

    Returns
    -------
    Engine
        Its entry.

    Raises
    ------
    ValueError
        If there is none of this name.

    Examples
    --------
    >>> get_engine("graph").imports
    ('autodiff',)
    >>> get_engine("grpah")
    Traceback (most recent call last):
    ValueError: no engine is called 'grpah'; did you mean 'graph'? There are: expanded, shared, \
adjoint, matrix, graph, graph-compiled, hand-written, finite-differences, complex-step
    """
    return nearest("engine", name, ENGINES)
