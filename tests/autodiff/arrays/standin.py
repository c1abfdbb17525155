"""An array that dispatches as CuPy documents, and computes on the host: CI has no GPU.

Rules (CuPy user guide, "Interoperability", and the table "Comparison with NumPy"): universal
functions are answered by ``__call__`` only; other functions by name, where CuPy has them; nothing
becomes an array of NumPy implicitly; arrays of NumPy other than numbers are refused as operands;
every result is an array, those without axes too.
"""

import numpy as np
import scipy.fft
import scipy.linalg
import scipy.signal
import scipy.special

#: Functions that CuPy 14 has not, of those that the rules of autodiff differentiate.
_ABSENT = {
    *("cumulative_prod", "cumulative_sum", "geomspace", "insert", "matvec", "nanpercentile"),
    *("nanquantile", "spacing", "unstack", "vecdot", "vecmat"),
    *("linalg.multi_dot", "linalg.svdvals", "linalg.matrix_norm", "linalg.vector_norm"),
}
#: Functions of `cupyx.scipy.special` in CuPy 14 that the rules are about.
_SPECIAL = frozenset(
    {
        *("j0", "j1", "y0", "y1", "yn", "i0", "i0e", "i1", "i1e", "k0", "k0e", "k1", "k1e"),
        *("bdtr", "bdtrc", "bdtri", "chdtr", "chdtrc", "chdtri", "fdtr", "fdtrc", "fdtri", "gdtr"),
        *("gdtrc", "nbdtr", "nbdtrc", "nbdtri", "pdtr", "pdtrc", "pdtri", "ndtr", "log_ndtr"),
        *("ndtri", "logit", "expit", "log_expit", "boxcox", "boxcox1p", "inv_boxcox", "entr"),
        *("inv_boxcox1p", "huber", "kl_div", "pseudo_huber", "rel_entr", "gamma", "gammaln"),
        *("loggamma", "gammasgn", "gammainc", "gammaincinv", "gammaincc", "gammainccinv", "beta"),
        *("betaln", "betainc", "betaincinv", "psi", "digamma", "rgamma", "poch", "erf", "erfc"),
        *("erfcx", "erfinv", "erfcinv", "lpmv", "binom", "exp1", "expi", "expn", "zeta", "zetac"),
        *("lambertw", "cbrt", "exp10", "exp2", "radian", "cosdg", "sindg", "tandg", "cotdg"),
        *("log1p", "expm1", "exprel", "cosm1", "xlogy", "xlog1py", "ellipk", "ellipkm1"),
        *("ellipkinc", "ellipeinc", "ellipj", "wright_bessel", "spherical_yn", "sici", "shichi"),
    }
)
#: Functions that take what is on the host: as the array that they make, or as places.
_FROM_HOST = {np.array, np.asarray, np.ascontiguousarray, np.take}
#: Functions that do not give an array.
_FACTS = {np.shape, np.ndim, np.size, np.result_type, np.iscomplexobj, np.isrealobj, np.can_cast}


def _held(x, host=False):
    """Return the array that a stand-in computes with."""
    if isinstance(x, Standin):
        return x._array
    if isinstance(x, np.ndarray) and x.ndim and not host:
        raise TypeError(f"Unsupported type {type(x)}")
    if isinstance(x, list | tuple):
        return type(x)([_held(i, host) for i in x])
    return x


def _made(x):
    if isinstance(x, np.ndarray | np.generic):
        return Standin(x)
    # What NumPy names the parts of is a tuple without names.
    return tuple(map(_made, x)) if isinstance(x, list | tuple) else x


class Standin:
    """An array that is elsewhere than on the host."""

    __array_priority__ = 100
    #: How often values were looked at.
    looks = 0

    def __init__(self, array):
        self._array = np.asarray(_held(array, host=True))

    shape = property(lambda self: self._array.shape)
    dtype = property(lambda self: self._array.dtype)
    ndim = property(lambda self: self._array.ndim)
    size = property(lambda self: self._array.size)
    base = property(lambda self: self._array.base)
    nbytes = property(lambda self: self._array.nbytes)
    T = property(lambda self: Standin(self._array.T))
    real = property(lambda self: Standin(self._array.real))
    imag = property(lambda self: Standin(self._array.imag))

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct "
            "a NumPy array explicitly."
        )

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
        known = getattr(np, ufunc.__name__, None) is ufunc and ufunc.__name__ not in _ABSENT
        if method != "__call__" or not known:
            return NotImplemented
        # By type, and not by what an object says that it is: a tensor says the class of its value.
        if any(
            type(x) is not Standin
            and not isinstance(x, np.ndarray | np.generic | int | float | complex)
            for x in inputs
        ):
            return NotImplemented
        result = ufunc(*map(_held, inputs), **kwargs)
        if out is None:
            return _made(result)
        out[0]._array[...] = result
        return out[0]

    def __array_function__(self, function, types, args, kwargs):
        module = function.__module__.split(".")[1:]
        if ".".join([*module, function.__name__]) in _ABSENT:
            return NotImplemented
        if any(t not in (Standin, np.ndarray) for t in types):
            return NotImplemented
        host = function in _FROM_HOST
        result = function(
            *[_held(x, host) for x in args], **{k: _held(x, host) for k, x in kwargs.items()}
        )
        return result if function in _FACTS else _made(result)

    def get(self):
        """Return the array on the host."""
        Standin.looks += 1
        return np.array(self._array)

    def item(self, *place):
        """Return an element as a number of Python."""
        Standin.looks += 1
        return self._array.item(*place)

    def __getitem__(self, index):
        return Standin(self._array[_held(index, host=True)])

    def __setitem__(self, index, value):
        self._array[_held(index, host=True)] = _held(value)

    def __len__(self):
        return len(self._array)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    __bool__, __int__, __float__, __complex__, __index__ = (
        (lambda self, convert=convert: convert(self.item()))
        for convert in (bool, int, float, complex, lambda x: x.__index__())
    )


class Numpy:
    """The module `cupy`: NumPy's functions, which stand-ins answer."""

    ndarray, asarray = Standin, Standin
    __name__ = "cupy"

    def __getattr__(self, name):
        if name in _ABSENT or not hasattr(np, name):
            raise AttributeError(name)
        return getattr(np, name)


def _module(module, names):
    """Return functions of SciPy's as CuPy's, which take its arrays and give them."""

    def function(name):
        of_scipy = getattr(module, name)
        return staticmethod(lambda *xs, **how: _made(of_scipy(*map(_held, xs), **how)))

    return type("Module", (), {name: function(name) for name in names})


#: The modules `special`, `linalg`, `fft` and `signal` of `cupyx.scipy`.
MODULES = (
    _module(scipy.special, _SPECIAL),
    _module(scipy.linalg, ("expm", "lu", "lu_factor")),
    _module(scipy.fft, ("dct", "dst")),
    _module(scipy.signal, ("convolve", "lfilter")),
)


def _method(name):
    def method(self, *args, **kwargs):
        return _made(getattr(self._array, name)(*map(_held, args), **kwargs))

    return method


def _operators(name, ufunc):
    def operate(self, other):
        return NotImplemented if hasattr(other, "operands") else ufunc(self, other)

    def reflected(self, other):
        return NotImplemented if hasattr(other, "operands") else ufunc(other, self)

    setattr(Standin, f"__{name}__", operate)
    setattr(Standin, f"__r{name}__", reflected)


for _name in (
    *("all", "any", "argmax", "argmin", "astype", "conj", "copy", "dot", "fill", "max", "mean"),
    *("min", "prod", "ravel", "reshape", "squeeze", "sum", "swapaxes", "take", "transpose"),
):
    setattr(Standin, _name, _method(_name))
for _name, _ufunc in {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide,
    "matmul": np.matmul, "pow": np.power, "mod": np.remainder, "floordiv": np.floor_divide,
    "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor,
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater,
    "ge": np.greater_equal,
}.items():  # fmt: skip
    _operators(_name, _ufunc)
Standin.__neg__ = lambda self: np.negative(self)
Standin.__pos__ = lambda self: np.positive(self)
Standin.__abs__ = lambda self: np.absolute(self)
Standin.__invert__ = lambda self: np.invert(self)
Standin.__hash__ = None
