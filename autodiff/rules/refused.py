"""Functions that have no derivative, or none that could reach anyone: what to use instead."""

from typing import Any

import numpy as np

from autodiff.core.primitive import refuses


def _dispatched(*modules: Any) -> list[Any]:
    """Return the functions of modules that NumPy would hand to tensors."""
    # What only the module's ``__getattr__`` knows is deprecated: NumPy 2.5 warns of chararray.
    functions = (vars(module).get(name) for module in modules for name in module.__all__)
    return [f for f in functions if hasattr(f, "_implementation")]


refuses("it works on text, and a tensor holds numbers", *_dispatched(np.char, np.strings))
refuses(
    "it would leave plain numbers in a file, in which derivatives are lost: return the tensor from "
    "the function that is differentiated, and save the result",
    *(np.save, np.savez, np.savez_compressed, np.savetxt),
)
refuses(
    "dates are whole days and have no derivative: compute them before the function that is traced",
    *(np.busday_count, np.busday_offset, np.is_busday, np.datetime_as_string),
)
refuses(
    "bits have no derivative: compute them before the function that is traced",
    *(np.packbits, np.unpackbits),
)
