"""Zip archives of unknown origin: the list of the files in one is counted before it is read."""

from __future__ import annotations

import io
import os

from convscope.budget import about, hold, spend

USUAL = 2**16
"""Bytes that ``zipfile`` reads at once, but for the list; a list of so many is not worth counting."""

_BYTES, _TIMES = 5, 12
"""Bytes of the list that are read in one step, and how many bytes each of them takes in memory."""


class Careful(io.BufferedReader):
    """A file that ``zipfile`` is to look into.

    Raises:
        LimitError: the list of its files is longer than that of any model.

    >>> Careful(io.BytesIO(b"PK")).read(10**7)
    Traceback (most recent call last):
        ...
    convscope.errors.LimitError: the archive's list of files: this needs 2,000,000 steps of work or more
      expected at most 1,000,000
      try      --raise-limits 2, for a file that you trust; in Python, "with convscope.raise_limits(2):"
    """

    def read(self, size: int | None = -1, /) -> bytes:
        """See :class:`io.BufferedReader`."""
        if size is None or size < 0:
            size = os.fstat(self.fileno()).st_size - self.tell()
        if size > USUAL:
            with about("the archive's list of files"):
                spend(size / _BYTES)
                hold(_TIMES * size)
        return super().read(size)
