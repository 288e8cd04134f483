"""Numbers as people read them, never rounded to another number without a sign of it.

A value that a person chose is printed in full (:func:`plain`). A measured value is printed with
some significant digits (:func:`significant`), which change nothing but the last of them.
"""

from __future__ import annotations

import math


def plain(value: float) -> str:
    """The shortest text that reads back as the same number.

    Raises:
        ValueError: never; what is not finite is named.

    Example:
        >>> plain(0.999), plain(0.001), plain(2.0), plain(1e-5), plain(1e6), plain(0.99999)
        ('0.999', '0.001', '2', '1e-05', '1000000', '0.99999')
    """
    if isinstance(value, bool) or not math.isfinite(value):
        return str(value)
    if float(value).is_integer() and abs(value) < 1e15:
        return str(int(value))
    return repr(float(value))


def significant(value: float | None, digits: int = 4) -> str:
    """A measured number with four significant digits; None means that it is not finite.

    Digits are added where the rounding would move the number to the other side of a whole one or
    make it one: a probability of 0.99996 is not 1.

    Example:
        >>> significant(-103.25123), significant(0.012345), significant(None)
        ('-103.3', '0.01235', 'not finite')
        >>> significant(0.99996), significant(0.999), significant(1.0)
        ('0.99996', '0.999', '1')
    """
    if value is None or not math.isfinite(value):
        return "not finite"
    for more in range(digits, 18):
        text = f"{value:.{more}g}"
        read = float(text)
        # Thousands and more have no digits behind the point that anybody misses.
        if read == value or abs(value) >= 10.0 ** (digits - 1) or not read.is_integer():
            return text
    return repr(float(value))


def decimals(*values: float, most: int = 12) -> int:
    """The digits behind the point with which all of these numbers are written in full.

    Example:
        >>> decimals(0.5, 0.01), decimals(0.0, 0.9999, 0.001), decimals(1.0)
        (2, 4, 0)
    """
    for n in range(most):
        if all(float(f"{value:.{n}f}") == value for value in values):
            return n
    return most
