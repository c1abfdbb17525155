"""Functions that stand above the statements of printed plans which call them."""

import sys

__all__ = [
    "ADD_PART_INTO",
    "MULTIPLY_NO_NAN_INTO",
    "PUT_BACK_INTO",
    "RAISE_UNLESS_FINITE",
    "RELU_NAMES",
    "RELU_STEP",
    "RELU_TIES",
    "RELU_VJP_INTO",
    "WHERE_INTO",
    "unless_finite",
]

ADD_PART_INTO = '''def add_part_into(g, x, part, out):
    """Write x, with g added to a part."""
    np.copyto(out, x)
    np.add(part, g, part)'''
PUT_BACK_INTO = '''def put_back_into(g, part, out):
    """Write zeros, and g into a part."""
    out.fill(0.0)
    part[...] = g'''
WHERE_INTO = '''def where_into(condition, x, y, out):
    """Write x where a condition holds and y elsewhere."""
    np.copyto(out, y)
    np.copyto(out, x, where=condition)'''
RELU_NAMES = """_equal, _multiply, _sign = np.equal, np.multiply, np.sign
zero = np.array(0.0)
"""
RELU_TIES = '''def relu_ties(x, flat, mask):
    """Return the derivative of a rectifier if an element is 0 or NaN; nothing otherwise."""
    squares = flat.dot(flat)
    if squares == squares and b"\\x01" not in _equal(x, zero, mask).tobytes():
        return None
    return np.logical_not(x < zero) - 0.5 * (x == zero)'''
RELU_STEP = '''def relu_step(g, h, ties, step, out):
    """Write the cotangent of the argument of a rectifier, whose result is h."""
    _multiply(g, _sign(h, step) if ties is None else ties, out)'''
RELU_VJP_INTO = '''def relu_vjp_into(g, x, out, mask):
    """Write the cotangent of the argument of a rectifier: half of it where the argument is 0."""
    np.equal(x, zero, mask)
    if np.count_nonzero(mask):
        out[...] = g * (np.logical_not(x < zero) - 0.5 * mask)
        return
    np.less_equal(x, zero, mask)
    if out is not g:
        np.copyto(out, g)
    np.copyto(out, zero, where=mask)'''
MULTIPLY_NO_NAN_INTO = '''def multiply_no_nan_into(direction, product, out=None):
    """Return a product, or raise where it is NaN because a direction of zero met infinity."""
    flat = product.reshape(-1)
    squares = flat.dot(flat)
    if squares != squares and np.any(np.isnan(product) & (direction == 0)):
        raise FloatingPointError("what zero times infinity is the function itself finds")
    if out is None:
        return product[()]  # a number: what is no array may be a look at memory used again
    if out is not product:
        np.copyto(out, product)'''
RAISE_UNLESS_FINITE = '''def raise_unless_finite(x):
    """Raise if a result is NaN or infinite: of a slope that is, or of none, it may be a number."""
    flat = np.asarray(x).reshape(-1)
    squares = flat.dot(flat)
    if squares - squares != 0 and not np.all(np.isfinite(flat)):
        raise FloatingPointError("what is not finite the function itself finds")'''


def unless_finite(name: str) -> list[str]:
    """Return statements that raise unless a number is finite."""
    return [
        f"if not abs({name}) <= {sys.float_info.max!r}:",
        '    raise FloatingPointError("what that is the function itself finds")',
    ]
