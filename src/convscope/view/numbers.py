"""Human-readable numbers and names."""

from __future__ import annotations

import re

from convscope.errors import FieldError


def shortened(text: str, most: int = 60) -> str:
    """Shorten a text to ``most`` characters by omitting its middle; the end is more informative than the beginning.

    >>> shortened("block1/conv/kernel", 11), shortened("conv1", 11)
    ('bloc…kernel', 'conv1')
    """
    if len(text) <= most:
        return text
    first = (most - 1) * 2 // 5
    return f"{text[:first]}…{text[len(text) - (most - 1 - first) :]}"


def count_text(value: float) -> str:
    """Return three digits and a unit.

    >>> count_text(950), count_text(2_941_792), count_text(1_824_033_792)
    ('950', '2.94 M', '1.82 G')
    """
    return _scaled(value, 1000, ("", "k", "M", "G", "T", "P"))


def bytes_text(value: float) -> str:
    """Return three digits and a unit; 1 KiB is 1024 bytes.

    >>> bytes_text(40), bytes_text(43264), bytes_text(3 * 1024**2)
    ('40 B', '42.2 KiB', '3.00 MiB')
    """
    return _scaled(value, 1024, ("B", "KiB", "MiB", "GiB", "TiB", "PiB"))


def _scaled(value: float, base: int, units: tuple[str, ...]) -> str:
    power = 0
    while abs(value) >= base and power < len(units) - 1:
        value /= base
        power += 1
    digits = f"{value:.{max(0, 2 - (abs(value) >= 10) - (abs(value) >= 100))}f}" if power else f"{value:g}"
    return f"{digits} {units[power]}".rstrip()


_AMOUNT = re.compile(r"([0-9]{1,18}(?:[,_][0-9]{3}){0,5})(\.[0-9]{1,18})? ?([kmgt]?)(i?)(b?)", re.ASCII | re.IGNORECASE)


def amount(text: str) -> int:
    """Parse a count or a number of bytes: k, M, G, T are powers of 1000; Ki, Mi, Gi, Ti of 1024.

    Raises:
        FieldError: the text is not an amount.

    >>> amount("20,000"), amount("20_000"), amount("20k"), amount("1.5M")
    (20000, 20000, 20000, 1500000)
    >>> amount("64KiB"), amount("64 Ki"), amount("64kB"), amount("64K")
    (65536, 65536, 64000, 64000)
    """
    found = _AMOUNT.fullmatch(text.strip())
    if not found or (found[4] and not found[3]):
        what = f'"{shortened(text)}" is not an amount'
        raise FieldError(what, expected="a number such as 20000, 20,000, 20k, 2M, 1.5G, 64kB or 64KiB")
    power = " kmgt".index((found[3] or " ").lower())
    unit: int = (1024 if found[4] else 1000) ** power
    return int(re.sub("[,_]", "", found[1])) * unit + round(float(found[2] or 0) * unit)


def score_text(loss: float, accuracy: float) -> str:
    """``[loss, accuracy]``, as the course notes print it.

    >>> score_text(0.25, 0.875)
    '[0.25, 0.875]'
    """
    return f"[{loss:.6g}, {accuracy:.6g}]"


def seconds_text(seconds: float) -> str:
    """Return a duration in seconds, or in minutes and seconds.

    >>> seconds_text(4.238), seconds_text(75)
    ('4.2 s', '1:15 min')
    """
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60}:{int(seconds) % 60:02d} min"
