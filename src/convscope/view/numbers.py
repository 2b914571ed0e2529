"""Numbers and long names as people read them."""

from __future__ import annotations


def shortened(text: str, most: int = 60) -> str:
    """A text with its middle left out where it is longer than ``most`` letters; the end tells more than the beginning.

    >>> shortened("block1/conv/kernel", 11), shortened("conv1", 11)
    ('bloc…kernel', 'conv1')
    """
    if len(text) <= most:
        return text
    first = (most - 1) * 2 // 5
    return f"{text[:first]}…{text[len(text) - (most - 1 - first) :]}"


def count_text(value: float) -> str:
    """Three digits and a unit.

    >>> count_text(950), count_text(2_941_792), count_text(1_824_033_792)
    ('950', '2.94 M', '1.82 G')
    """
    return _scaled(value, 1000, ("", "k", "M", "G", "T", "P"))


def bytes_text(value: float) -> str:
    """Three digits and a unit; 1 KiB is 1024 bytes.

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


def score_text(loss: float, accuracy: float) -> str:
    """``[loss, accuracy]``, as the course notes print it.

    >>> score_text(0.25, 0.875)
    '[0.25, 0.875]'
    """
    return f"[{loss:.6g}, {accuracy:.6g}]"


def seconds_text(seconds: float) -> str:
    """Seconds, or minutes and seconds.

    >>> seconds_text(4.238), seconds_text(75)
    ('4.2 s', '1:15 min')
    """
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60}:{int(seconds) % 60:02d} min"
