"""Untrusted zip archives: the list of files is checked before it is read."""

from __future__ import annotations

import io
import os

from convscope.budget import about, hold, spend

USUAL = 2**16
"""Bytes that ``zipfile`` reads at once besides the list; a list of this size need not be counted."""

_BYTES, _TIMES = 5, 12
"""Bytes of the list that are read in one step, and the memory that each of them takes [byte]."""


class Careful(io.BufferedReader):
    """A file for ``zipfile``.

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
