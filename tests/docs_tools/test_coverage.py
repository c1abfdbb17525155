"""The coverage page tells the truth, and nothing that the project promises is missing from it."""

from pathlib import Path

import numpy as np
import pytest

from docs_tools.coverage import page, rows

PAGE = Path(__file__).parents[2] / "docs" / "coverage.md"


def test_the_page_is_that_of_the_table():
    written = {line for line in PAGE.read_text(encoding="utf-8").splitlines() if "| `" in line}
    known = {line.split("`")[1] for line in written}
    made = {line for line in page().splitlines() if "| `" in line}
    # Another version of NumPy or SciPy may have further functions, or fewer.
    assert {line for line in made if line.split("`")[1] in known} <= written


def test_no_function_of_the_page_is_without_an_answer():
    text = PAGE.read_text(encoding="utf-8")
    for section in rows().values():
        for row in section:
            assert row.modes != "no rule" or f"`{row.name}`" not in text, row.name


#: What a user of HIPS autograd, and one who found a gap in it, will look for.
PROMISED = {
    "np": """add subtract multiply divide power exp log sin arctan2 hypot logaddexp maximum fmax
        sinc abs sum prod mean var std max min cumsum cumprod median ptp trapezoid average nansum
        nanmean nanmax nanmedian percentile quantile reshape ravel transpose swapaxes moveaxis
        expand_dims squeeze broadcast_to concatenate stack vstack split tile repeat roll flip rot90
        pad diag diagonal tril triu trace sort partition take take_along_axis where select clip
        diff gradient meshgrid dot matmul inner outer tensordot einsum kron cross convolve vdot
        block interp correlate cov cbrt copysign fmod vecdot insert delete unwrap
        negative positive reciprocal float_power square sqrt exp2 expm1 log2 log10 log1p cos tan
        arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh logaddexp2 minimum fmin fabs
        sign remainder divmod modf ldexp heaviside deg2rad rad2deg conjugate matvec vecmat
        nanmin nanvar nanstd nanprod nancumsum nancumprod nanpercentile nanquantile hstack dstack
        column_stack array_split hsplit vsplit dsplit unstack append resize atleast_1d atleast_2d
        atleast_3d fliplr flipud rollaxis broadcast_arrays diagflat compress extract choose ix_
        sort_complex nan_to_num real imag angle ediff1d cumulative_sum cumulative_prod corrcoef
        bincount polyval piecewise apply_along_axis linspace logspace geomspace full_like copy
        astype trapezoid i0""",
    "np.linalg": """inv pinv det slogdet solve lstsq cholesky qr eigh eigvalsh eig eigvals svd
        svdvals norm vector_norm matrix_norm matrix_power multi_dot cond tensorinv tensorsolve
        cross outer matmul tensordot trace diagonal vecdot matrix_transpose""",
    "np.fft": """fft ifft rfft irfft hfft ihfft fft2 ifft2 rfft2 irfft2 fftn ifftn rfftn irfftn
        fftshift ifftshift""",
    "scipy.special": """gamma gammaln loggamma rgamma psi poch binom beta betaln gammainc gammaincc
        betainc erf erfc erfcx erfi erfinv erfcinv dawsn ndtr ndtri log_ndtr expit logit log_expit
        xlogy xlog1py entr rel_entr kl_div jv iv kv yv j0 j1 i0 i1 i0e i1e k0 k1 y0 y1 ive kve
        exp1 expi expn exp10 cbrt log1p expm1 exprel spence ellipk ellipe ellipkinc ellipeinc
        wrightomega hyp2f1 hyp1f1 agm huber pseudo_huber boxcox""",
}

#: In the words of the issue of the engine: sums, products and extremes by the methods of ufuncs.
METHODS = """add.reduce add.accumulate add.outer multiply.reduce multiply.accumulate multiply.outer
    maximum.reduce maximum.accumulate maximum.outer minimum.reduce minimum.accumulate
    minimum.outer logaddexp.reduce subtract.outer divide.outer power.outer"""


def test_methods_of_ufuncs_are_covered():
    known = {row.name for row in rows()["Methods of universal functions"]}
    assert {f"np.{name}" for name in METHODS.split()} <= known


def test_what_scipy_does_not_dispatch_has_a_twin():
    import scipy.special

    import autodiff.special

    for name in autodiff.special.__all__:
        assert callable(getattr(scipy.special, name))
    assert {"logsumexp", "softmax", "log_softmax", "polygamma"} <= set(autodiff.special.__all__)


@pytest.mark.parametrize("module", PROMISED)
def test_what_is_promised_passes_derivatives_in_both_modes(module):
    modes = {row.name: row.modes for section in rows().values() for row in section}
    for name in PROMISED[module].split():
        if module != "np" or hasattr(np, name):
            known = getattr(np, name).__name__ if module == "np" else name
            assert modes[f"{module}.{known}"].startswith("reverse, forward"), name
