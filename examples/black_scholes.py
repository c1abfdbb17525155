"""The price of an option and its greeks.

F. Black, M. Scholes, The Pricing of Options and Corporate Liabilities, 1973; the closed forms of
the greeks: J. C. Hull, Options, Futures, and Other Derivatives, 9th ed., 2015, chapter 19.
"""

import numpy as np
from scipy.special import ndtr

import autodiff


def call(spot, strike, years, rate, volatility):
    """Return the price of a European call on a share that pays no dividend."""
    d1 = (np.log(spot / strike) + (rate + volatility**2 / 2) * years) / (
        volatility * np.sqrt(years)
    )
    d2 = d1 - volatility * np.sqrt(years)
    return spot * ndtr(d1) - strike * np.exp(-rate * years) * ndtr(d2)


def greeks(spot, strike, years, rate, volatility):
    """Return the closed forms."""
    root = volatility * np.sqrt(years)
    d1 = (np.log(spot / strike) + (rate + volatility**2 / 2) * years) / root
    d2 = d1 - root
    density = np.exp(-(d1**2) / 2) / np.sqrt(2 * np.pi)
    owed = strike * np.exp(-rate * years)
    vega = spot * density * np.sqrt(years)
    return {
        "delta": ndtr(d1),
        "gamma": density / (spot * root),
        "vega": vega,
        "theta": -spot * density * volatility / (2 * np.sqrt(years)) - rate * owed * ndtr(d2),
        "rho": owed * years * ndtr(d2),
        "vanna": -density * d2 / volatility,
        "volga": vega * d1 * d2 / volatility,
    }


def case():
    """Return the function that is differentiated, and its arguments."""
    return call, (105.0, 100.0, 0.75, 0.03, 0.25)


def main():
    """Compare every greek with its closed form."""
    _, arguments = case()
    autodiff.check_gradients(call, *arguments)
    everything = tuple(range(5))
    price, first = autodiff.value_and_grad(call, everything)(*arguments)
    second = autodiff.hessian(call, everything)(*arguments)
    found = {
        "delta": first[0],
        "gamma": second[0][0],
        "vega": first[4],
        "theta": -first[2],
        "rho": first[3],
        "vanna": second[0][4],
        "volga": second[4][4],
    }
    print(f"price {price:.6f}")
    for name, expected in greeks(*arguments).items():
        print(f"{name} {found[name]:.10f}, closed form {expected:.10f}")
        np.testing.assert_allclose(found[name], expected, rtol=1e-10)
    spots = np.array([80.0, 100.0, 120.0])
    deltas = autodiff.elementwise_grad(call)(spots, *arguments[1:])
    print(f"delta at {spots}: {deltas.round(4)}")
    np.testing.assert_allclose(deltas, greeks(spots, *arguments[1:])["delta"], rtol=1e-10)


if __name__ == "__main__":
    main()
