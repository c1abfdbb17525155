"""Other libraries, as engines: those that are installed, and how to install those that are not.

All of them take arrays of NumPy and return arrays of NumPy, as a user of NumPy calls them: the
conversions are within the clock, and share memory where the library allows it. They compute in
float64, on the processor, and wait for their results. A plain NumPy function is rebound to their
functions (`compare.engines.rebound`), or runs on their symbols (`compare.engines.formulas`).
"""

import importlib.util

from compare.engines.engine import Engine
from compare.engines.peers.jax import JAX, JAX_EAGER
from compare.engines.peers.scalars import CASADI, SYMENGINE
from compare.engines.peers.tapes import AUTOGRAD, MYGRAD
from compare.engines.peers.torch import TORCH, TORCH_COMPILE, TORCH_FUNC

__all__ = ["ABSENT", "PEERS"]

_ALL = (
    JAX,
    JAX_EAGER,
    TORCH,
    TORCH_FUNC,
    TORCH_COMPILE,
    AUTOGRAD,
    MYGRAD,
    CASADI,
    SYMENGINE,
)


def _library(engine: Engine) -> str:
    return engine.imports[0]


def _installed(engine: Engine) -> bool:
    return importlib.util.find_spec(_library(engine)) is not None


#: Engines by name whose library is installed.
PEERS: dict[str, Engine] = {engine.name: engine for engine in _ALL if _installed(engine)}
#: Engines by name whose library is not, with the library's name, by which pip installs it.
ABSENT: dict[str, str] = {
    engine.name: _library(engine) for engine in _ALL if engine.name not in PEERS
}
