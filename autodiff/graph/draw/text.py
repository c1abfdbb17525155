"""Text in drawings: cleaned, escaped, cut to a length, and measured without a font at hand."""

import re
import unicodedata
from html import escape

__all__ = ["cleaned", "escaped", "shortened", "width_of"]

_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
#: Widths in units of the font size, a little above those of the widest common sans-serif fonts.
_NARROW, _USUAL, _BROAD, _FULL = 0.36, 0.65, 0.9, 1.05
_WIDTHS = {
    **dict.fromkeys("ijl.,:;'|!()[] ·", _NARROW),
    **dict.fromkeys("mwMW%@+−×÷=<>≤≥≠…", _BROAD),
}


def cleaned(text: str) -> str:
    r"""Return text on one line, without what XML and terminals cannot show.

    Examples
    --------
    >>> cleaned("a\n b\x1b[31m") == "a b\ufffd[31m"
    True
    """
    return _FORBIDDEN.sub("\ufffd", " ".join(text.split()))


def escaped(text: str) -> str:
    """Return text as it stands in an XML element or attribute.

    Examples
    --------
    >>> escaped('a < "b" & c')
    'a &lt; &quot;b&quot; &amp; c'
    """
    return escape(text, quote=True)


def shortened(text: str, longest: int) -> str:
    """Return text of at most that many characters.

    Examples
    --------
    >>> shortened("hidden activations", 10)
    'hidden ac…'
    """
    return text if len(text) <= longest else text[: longest - 1] + "…"


def width_of(text: str, size: float) -> float:
    """Return room enough for a text in any common sans-serif font.

    Examples
    --------
    >>> width_of("x²", 10.0)
    13.0
    """
    return size * sum(_width(character) for character in text)


def _width(character: str) -> float:
    known = _WIDTHS.get(character)
    if known is not None:
        return known
    if unicodedata.combining(character):
        return 0.0
    if unicodedata.east_asian_width(character) in "WF":
        return _FULL
    return 0.75 if character.isupper() else _USUAL
