"""Operations of Jacobians to those of the function, against FastDifferentiation.jl's tables.

Those of the Rosenbrock function stand in test_hessian.py.
"""

import numpy as np

from benchmarks.published.operations import jacobian, spherical_harmonics

RATES = """1:0.35:0 2:26.6:1,3 3:12300:1,4 4:8.6e-4:6 5:8.2e-4:6 6:15000:6,5 7:1.3e-4:8 8:24000:8,5
9:16500:10,1 10:9000:10,0 11:0.022:12 12:12000:9,1 13:1.88:13 14:16300:0,5 15:4.8e6:2 16:3.5e-4:3
17:0.0175:3 18:1e8:15 19:4.44e11:15 20:1240:16,5 21:2.1:18 22:5.78:18 23:0.0474:0,3 24:1780:18,0
25:3.12:19"""
BALANCE = """-1-10-14-23-24+2+3+9+11+12+22+25 -2-3-9-12+1+21 -15+1+17+19+22 -2-16-17-23+15
-3+4+4+6+7+13+20 -6-8-14-20+3+18+18 -4-5-6+13 +4+5+6+7 -7-8 -12+7+9 -9-10+8+11 +9 -11+10 -13+12
+14 -18-19+16 -20 +20 -21-22-24+23+25 -25+24"""


def pollution(y):
    """Return the rates of 20 species by 25 reactions (Verwer 1994, POLLU)."""
    rates = {}
    for reaction in RATES.split():
        number, constant, species = reaction.split(":")
        product = float(constant)
        for k in species.split(","):
            product = product * y[int(k)]
        rates[number] = product
    found = []
    for balance in BALANCE.split():
        signs = balance.replace("-", " -").replace("+", " +").split()
        terms = [rates[s[1:]] if s[0] == "+" else -rates[s[1:]] for s in signs]
        found.append(sum(terms[1:], terms[0]))
    return np.stack(found)


def test_jacobians_take_at_most_the_operations_of_the_published_tables():
    for f, n, m, most in (
        (spherical_harmonics(6), 3, 49, 6.5),
        (pollution, 20, 20, 1.0),
        (lambda x: (x.reshape(3, 3) @ x.reshape(3, 3)).ravel(), 9, 9, 1.0),
    ):
        found, x, ratio = jacobian(f, n, m)
        assert ratio <= most
        step = 1e-6 * np.eye(n)
        columns = [(np.asarray(f(x + e)) - np.asarray(f(x - e))) / 2e-6 for e in step]
        expected = np.stack(columns, axis=1)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())
