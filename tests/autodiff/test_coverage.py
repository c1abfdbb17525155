"""The coverage page tells the truth, and nothing that the project promises is missing from it."""

from pathlib import Path

import numpy as np
import pytest

from autodiff.coverage import page, rows

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
        block interp correlate cov cbrt copysign fmod vecdot insert delete unwrap""",
    "np.linalg": """inv pinv det slogdet solve lstsq cholesky qr eigh eig eigvals svd norm
        matrix_power multi_dot cond""",
    "np.fft": "fft ifft rfft irfft fft2 fftn rfftn irfftn hfft ihfft fftshift ifftshift",
    "scipy.special": """gamma gammaln psi erf erfc erfinv expit logit xlogy entr jv iv kv yv
        ndtr log_ndtr beta betaln""",
}


@pytest.mark.parametrize("module", PROMISED)
def test_what_is_promised_passes_derivatives_in_both_modes(module):
    modes = {row.name: row.modes for section in rows().values() for row in section}
    for name in PROMISED[module].split():
        if module != "np" or hasattr(np, name):
            known = getattr(np, name).__name__ if module == "np" else name
            assert modes[f"{module}.{known}"].startswith("reverse, forward"), name
