"""Numbers as people read them: ``3.2 ms``, ``10.2 million``, ``81 MB``, ``2.4 ×``."""

import math

__all__ = [
    "MISSING",
    "SUPERSCRIPTS",
    "budget_text",
    "bytes_text",
    "count_text",
    "error_text",
    "interval_text",
    "list_text",
    "loss_text",
    "power_text",
    "ratio_text",
    "seconds_text",
]

#: What stands where there is no number.
MISSING = "–"


def _missing(value: float | None) -> bool:
    return value is None or not math.isfinite(value)


def _short(value: float) -> str:
    """Return one decimal below 10 and none above; no trailing zero."""
    text = f"{value:.1f}" if value < 9.95 else f"{value:.0f}"
    return text.removesuffix(".0")


def seconds_text(seconds: float | None) -> str:
    """Return a duration with its unit, from nanoseconds to hours.

    Examples
    --------
    >>> seconds_text(0.0032), seconds_text(1.45e-4), seconds_text(12), seconds_text(200)
    ('3.2 ms', '145 µs', '12 s', '3.3 min')
    """
    if seconds is None or _missing(seconds):
        return MISSING
    if seconds <= 0:
        return "0 s"
    for unit, scale, limit in (("ns", 1e-9, 999.5), ("µs", 1e-6, 999.5), ("ms", 1e-3, 999.5)):
        if seconds / scale < limit:
            return f"{_short(seconds / scale)} {unit}"
    for unit, scale, limit in (("s", 1.0, 119.5), ("min", 60.0, 119.5)):
        if seconds / scale < limit:
            return f"{_short(seconds / scale)} {unit}"
    return f"{_short(seconds / 3600)} h"


def count_text(count: float | None) -> str:
    """Return a count with thousands separated, or in millions and more.

    Examples
    --------
    >>> count_text(289), count_text(12345), count_text(10_201_001), count_text(3e9)
    ('289', '12,345', '10.2 million', '3 billion')
    """
    if count is None or _missing(count):
        return MISSING
    for word, scale in (("trillion", 1e12), ("billion", 1e9), ("million", 1e6)):
        if count >= scale:
            return f"{f'{count / scale:,.1f}'.removesuffix('.0')} {word}"
    return f"{count:,.0f}"


#: Translates digits to those that stand above the line.
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def power_text(count: float | None) -> str:
    """Return a count as `count_text` does, or as a power of ten from a thousand trillions on.

    Examples
    --------
    >>> power_text(12345), power_text(6.403e83)
    ('12,345', '6.4 × 10⁸³')
    """
    if count is None or _missing(count) or count < 1e15:
        return count_text(count)
    digits, power = f"{count:.1e}".split("e+")
    return f"{digits.removesuffix('.0')} × 10{str(int(power)).translate(SUPERSCRIPTS)}"


def bytes_text(count: float | None) -> str:
    """Return a size of memory with its unit, in powers of 1000.

    Examples
    --------
    >>> bytes_text(81_204_000), bytes_text(4e9), bytes_text(512)
    ('81 MB', '4 GB', '512 B')
    """
    if count is None or _missing(count):
        return MISSING
    for unit, scale in (("B", 1.0), ("kB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if count / scale < 999.5:
            return f"{_short(count / scale)} {unit}"
    return f"{_short(count / 1e12)} TB"


def budget_text(seconds: float | None, memory: float | None) -> str:
    """Return the budgets of a cell in words; whole GiB and MiB keep their unit.

    Examples
    --------
    >>> budget_text(12, 4 * 2**30), budget_text(None, 4e9), budget_text(None, None)
    ('12 s and 4 GiB', '4 GB', '')
    """
    parts = [] if seconds is None or _missing(seconds) else [seconds_text(seconds)]
    if memory is not None and not _missing(memory):
        for unit, scale in (("GiB", 2**30), ("MiB", 2**20)):
            if memory >= scale and memory % scale == 0:
                parts.append(f"{memory / scale:,.0f} {unit}")
                break
        else:
            parts.append(bytes_text(memory))
    return " and ".join(parts)


def ratio_text(ratio: float | None) -> str:
    """Return a factor with its sign.

    Examples
    --------
    >>> ratio_text(2.41), ratio_text(86.2), ratio_text(12345), ratio_text(0.052)
    ('2.4 ×', '86 ×', '12,300 ×', '0.052 ×')
    """
    if ratio is None or _missing(ratio):
        return MISSING
    if ratio >= 1000:
        digits = len(str(int(ratio))) - 3
        return f"{round(ratio, -digits):,.0f} ×"
    return f"{_short(ratio)} ×" if ratio >= 0.95 else f"{ratio:.2g} ×"


def error_text(error: float | None) -> str:
    """Return a relative error as a power of ten.

    Examples
    --------
    >>> error_text(2.2e-16), error_text(0.0), error_text(float("inf")), error_text(None)
    ('2e-16', '0', 'infinite', '–')
    """
    if error is not None and math.isinf(error):
        return "infinite"
    if error is None or _missing(error):
        return MISSING
    return "0" if error == 0 else f"{error:.0e}"


def loss_text(loss: float | None) -> str:
    """Return a loss with three digits.

    Examples
    --------
    >>> loss_text(31234.5), loss_text(2.3456), loss_text(None)
    ('31,200', '2.35', '–')
    """
    if loss is None or _missing(loss):
        return MISSING
    if abs(loss) >= 1000:
        return f"{round(loss, 3 - len(str(int(abs(loss))))):,.0f}"
    return f"{loss:.3g}"


def interval_text(value: float | None, low: float | None, high: float | None) -> str:
    """Return an estimate with its interval in brackets, where there is one.

    Examples
    --------
    >>> interval_text(1.021, 0.98, 1.06), interval_text(-0.1, -0.2, -1e-9)
    ('1.02 (0.98 to 1.06)', '−0.10 (−0.20 to 0.00)')
    >>> interval_text(1, None, 2)
    '1.00'
    """
    if value is None or _missing(value):
        return MISSING
    if low is None or high is None or _missing(low) or _missing(high):
        return f"{value:z.2f}".replace("-", "−")
    return f"{value:z.2f} ({low:z.2f} to {high:z.2f})".replace("-", "−")


def list_text(items: list[str]) -> str:
    """Return items as a list in a sentence.

    Examples
    --------
    >>> list_text(["a", "b", "c"]), list_text(["a"]), list_text([])
    ('a, b and c', 'a', '')
    """
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))
