"""The engines under comparison, each one entry.

Other packages add theirs by an entry point in the group ``gradscale.engines`` that names an
`Engine`; a file adds one by ``--engine file.py:NAME``.
"""

from collections.abc import Iterable

from compare.engines.engine import Engine, Prepared
from compare.engines.gpu import GRAPH_CUDA
from compare.engines.graph import GRAPH, GRAPH_COMPILED, GRAPH_EAGER
from compare.engines.hand import HAND_WRITTEN
from compare.engines.numerical import COMPLEX_STEP, FINITE_DIFFERENCES
from compare.engines.peers import ABSENT, PEERS
from compare.engines.symbolic import ADJOINT, EXPANDED, MATRIX, SHARED
from compare.problems.problem import Case
from compare.registry.naming import nearest
from compare.registry.plugins import Table

__all__ = ["ABSENT", "ENGINES", "PEERS", "Engine", "Prepared", "chosen_engines", "get_engine"]

#: The same passes as another engine's, or on a GPU: timed where they are asked for by name.
_BY_NAME = {engine.name: engine for engine in (GRAPH_EAGER, GRAPH_CUDA)}

#: The engines that are compared unless others are asked for, in the order in which tables show
#: them: those that need nothing else to be installed, and those that were installed as plug-ins.
ENGINES: Table[Engine] = Table(
    "gradscale.engines",
    Engine,
    (
        EXPANDED,
        SHARED,
        ADJOINT,
        MATRIX,
        GRAPH,
        GRAPH_COMPILED,
        HAND_WRITTEN,
        FINITE_DIFFERENCES,
        COMPLEX_STEP,
    ),
    reserved={*PEERS, *ABSENT, *_BY_NAME},
)


def get_engine(name: str) -> Engine:
    """Return an engine by its name.

    Parameters
    ----------
    name : str
        Name of an engine, a peer that is installed among them.

    Returns
    -------
    Engine
        Its entry.

    Raises
    ------
    ValueError
        If there is none of this name, or its library is not installed.

    Examples
    --------
    >>> get_engine("graph").imports
    ('autodiff',)
    >>> get_engine("grpah")
    Traceback (most recent call last):
    ValueError: no engine is called 'grpah'; did you mean 'graph'? There are: expanded, shared, ...
    """
    if name in ABSENT:
        library = ABSENT[name]
        raise ValueError(
            f"the engine {name} needs {library}, which is not installed: pip install {library}, "
            "or gradscale[peers] for all"
        )
    return nearest("engine", name, ENGINES | _BY_NAME | PEERS)


def chosen_engines(case: Case, engines: Iterable[str | Engine] | None) -> list[Engine]:
    """Return engines by name or as they are, each once; all that do not refuse without a choice."""
    if engines is None:
        return [engine for engine in ENGINES.values() if not engine.refuses(case)]
    chosen: list[Engine] = []
    for each in engines:
        engine = get_engine(each) if isinstance(each, str) else each
        if engine not in chosen:
            chosen.append(engine)
    names, known = [engine.name for engine in chosen], ENGINES | _BY_NAME | PEERS
    for engine in chosen:
        if names.count(engine.name) > 1 or known.get(engine.name, engine) != engine:
            raise ValueError(f"another engine is called {engine.name!r} too: rename yours")
    return chosen
