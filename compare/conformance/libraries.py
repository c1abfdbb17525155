"""How each library takes a derivative of a plain NumPy function, as its users would write it."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np

from compare.conformance.case import Case
from compare.engines.peers.torch_numpy import SPELLED, TorchSpecial
from compare.engines.rebound import Library as Stand
from compare.engines.rebound import rebound

__all__ = ["LIBRARIES", "OURS", "Library", "installed", "nested"]


@dataclass(frozen=True)
class Library:
    """A library, or one way to use it.

    Parameters
    ----------
    name : str
        As on the page and the command line.
    module : str
        What must be installed.
    derivative : callable
        ``derivative(case)`` returns the derivatives by the arguments in ``case.wrt``.
    program : tuple of str
        Lines that import it, with ``np`` for its NumPy, and the expression of ``gradient(f, wrt)``;
        what a program without this project begins with.
    """

    name: str
    module: str
    derivative: Callable[[Case], Sequence[Any]]
    program: tuple[str, ...] = ()
    #: Names of NumPy that its NumPy spells differently.
    spelled: Mapping[str, str] = field(default_factory=dict)
    #: The line that imports its ``scipy.special``.
    special: str = "from scipy import special"
    #: Whether its program has ``hessian(f)``: without it gradients nest.
    hessian: bool = False

    @property
    def version(self) -> str:
        """The version that is installed."""
        if not self.module:
            return ""
        ours = self.module in ("autodiff", "symdiff")
        return version("gradscale" if ours else self.module)


def nested(gradient: Callable[..., Any], case: Case, total: Any, function: Any = None) -> Any:
    """Return the derivatives of a case by a transform that nests."""
    function = function or case.function
    if case.order == 1 and len(case.wrt) > 1:
        return gradient(function, case.wrt)(*case.inputs)
    # One argument goes by its number alone, as users write it.
    first = gradient(function, case.wrt[0])
    if case.order == 1:
        return [first(*case.inputs)]
    return [gradient(lambda *args: total(first(*args)), 0)(*case.inputs)]


def _autodiff(case: Case) -> Any:
    import autodiff

    return nested(autodiff.grad, case, np.sum)


def _compiled(case: Case) -> Any:
    import autodiff

    return nested(lambda f, wrt: autodiff.compile(autodiff.grad(f, wrt)), case, np.sum)


def _formula(strategy: str) -> Callable[[Case], Any]:
    def derivative(case: Case) -> Any:
        import symdiff

        if case.order == 1:
            return symdiff.grad(case.function, argnums=case.wrt, strategy=strategy)(*case.inputs)
        hessian = np.asarray(symdiff.hessian(case.function, strategy=strategy)(*case.inputs))
        x = np.asarray(case.inputs[0])
        return (np.reshape(np.reshape(hessian, (x.size, x.size)).sum(0), x.shape),)

    return derivative


def _jax(jit: bool) -> Callable[[Case], Any]:
    def derivative(case: Case) -> Any:
        from compare.engines.peers.jax import _jax as configured

        jax = configured()

        def gradient(function: Any, wrt: Any) -> Any:
            found = jax.grad(function, wrt)
            return jax.jit(found) if jit else found

        special = importlib.import_module("jax.scipy.special")
        function = rebound(case.function, Stand(jax.numpy, special=special))
        return [np.asarray(x) for x in nested(gradient, case, jax.numpy.sum, function)]

    return derivative


def _autograd(case: Case) -> Any:
    autograd: Any = importlib.import_module("autograd")
    numpy: Any = importlib.import_module("autograd.numpy")

    special = importlib.import_module("autograd.scipy.special")
    function = rebound(case.function, Stand(numpy, special=special))
    return nested(autograd.grad, case, numpy.sum, function)


def _torch(case: Case) -> Any:
    torch: Any = importlib.import_module("torch")
    from compare.engines.peers.torch_numpy import TorchNumPy

    stand = TorchNumPy()
    function = rebound(case.function, Stand(stand, stand.constant, TorchSpecial()))
    tensors = [
        torch.tensor(x, dtype=torch.float64, requires_grad=i in case.wrt)
        if isinstance(x, float | np.ndarray)
        else x
        for i, x in enumerate(case.inputs)
    ]
    chosen = [tensors[i] for i in case.wrt]
    out = function(*tensors)
    found = torch.autograd.grad(
        out, chosen, create_graph=case.order == 2, allow_unused=True, materialize_grads=True
    )
    if case.order == 2:
        found = torch.autograd.grad(
            found[0].sum(), chosen, allow_unused=True, materialize_grads=True
        )
    return [x.detach().numpy() for x in found]


def _mygrad(case: Case) -> Any:
    mygrad: Any = importlib.import_module("mygrad")

    if case.order == 2:
        raise NotImplementedError("MyGrad has no second derivatives")
    tensors = [mygrad.tensor(x) if i in case.wrt else x for i, x in enumerate(case.inputs)]
    case.function(*tensors).backward()  # an AttributeError where it is not a tensor any more
    chosen = [tensors[i] for i in case.wrt]
    # An argument that the value does not depend on has no gradient there, and a zero one here.
    return [np.zeros(t.shape) if t.grad is None else t.grad for t in chosen]


def _formula_program(strategy: str) -> tuple[str, ...]:
    return (
        "import numpy as np",
        "import symdiff",
        f"gradient = lambda f, wrt: symdiff.grad(f, wrt, strategy={strategy!r})",
        f"hessian = lambda f: symdiff.hessian(f, strategy={strategy!r})",
    )


_PROGRAMS = {
    "autodiff": ("import numpy as np", "import autodiff", "gradient = autodiff.grad"),
    "compiled": (
        "import numpy as np",
        "import autodiff",
        "gradient = lambda f, wrt: autodiff.compile(autodiff.grad(f, wrt))",
    ),
    "jax": (
        "import jax",
        'jax.config.update("jax_enable_x64", True)',
        "import jax.numpy as np",
        "gradient = jax.grad",
    ),
    "jax-jit": (
        "import jax",
        'jax.config.update("jax_enable_x64", True)',
        "import jax.numpy as np",
        "gradient = lambda f, wrt: jax.jit(jax.grad(f, wrt))",
    ),
    "torch": (
        "import torch",
        "import array_api_compat.torch as np",
        "torch.set_default_dtype(torch.float64)",
        "torch.set_printoptions(precision=17)",
        "def gradient(f, wrt):",
        "    chosen = wrt if isinstance(wrt, tuple) else (wrt,)",
        "    def found(*args):",
        "        args = [torch.as_tensor(x) for x in args]",
        "        nested = any(x.requires_grad for x in args)",
        "        args = [x if x.requires_grad else x.requires_grad_(i in chosen)",
        "                for i, x in enumerate(args)]",
        "        found = torch.autograd.grad(f(*args), [args[i] for i in chosen],",
        "                                    create_graph=nested, materialize_grads=True)",
        "        return found if isinstance(wrt, tuple) else found[0]",
        "    return found",
    ),
    "autograd": ("import autograd", "import autograd.numpy as np", "gradient = autograd.grad"),
    "mygrad": (
        "import numpy as np",
        "import mygrad",
        "def gradient(f, wrt):",
        "    chosen = wrt if isinstance(wrt, tuple) else (wrt,)",
        "    def found(*args):",
        "        args = [mygrad.tensor(x) if i in chosen else x for i, x in enumerate(args)]",
        "        f(*args).backward()",
        "        found = [args[i].grad for i in chosen]",
        "        return found if isinstance(wrt, tuple) else found[0]",
        "    return found",
    ),
}

LIBRARIES: dict[str, Library] = {
    library.name: library
    for library in (
        Library("autodiff", "autodiff", _autodiff, _PROGRAMS["autodiff"]),
        Library("autodiff-compiled", "autodiff", _compiled, _PROGRAMS["compiled"]),
        *(
            Library(
                f"symdiff-{strategy}",
                "symdiff",
                _formula(strategy),
                _formula_program(strategy),
                hessian=True,
            )
            for strategy in ("expanded", "shared", "adjoint", "matrix")
        ),
        Library(
            "jax", "jax", _jax(jit=False), _PROGRAMS["jax"], special="from jax.scipy import special"
        ),
        Library(
            "jax-jit",
            "jax",
            _jax(jit=True),
            _PROGRAMS["jax-jit"],
            special="from jax.scipy import special",
        ),
        Library("torch", "torch", _torch, _PROGRAMS["torch"], SPELLED, "from torch import special"),
        Library(
            "autograd",
            "autograd",
            _autograd,
            _PROGRAMS["autograd"],
            special="from autograd.scipy import special",
        ),
        Library("mygrad", "mygrad", _mygrad, _PROGRAMS["mygrad"]),
    )
}


#: What this project answers for.
OURS = tuple(
    name for name, library in LIBRARIES.items() if library.module in ("autodiff", "symdiff")
)


def installed(names: Sequence[str] | None = None) -> list[Library]:
    """Return libraries by their names; without names all that are installed."""
    if names is None:
        return [library for library in LIBRARIES.values() if find_spec(library.module)]
    unknown = [name for name in names if name not in LIBRARIES]
    if unknown:
        raise ValueError(f"no library is called {unknown[0]!r}; there are: {', '.join(LIBRARIES)}")
    return [LIBRARIES[name] for name in names]
