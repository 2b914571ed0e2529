"""``metrics.jsonl``: the training log of a run, one line per report. It describes a run and affects no result."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from convscope import files
from convscope.errors import RunError
from convscope.training import contents
from convscope.training.contents import METRICS
from convscope.training.decode import Count, Finite, Measure  # noqa: TC001 -- msgspec needs them at run time
from convscope.training.seal import Result

if TYPE_CHECKING:
    from pathlib import Path


class Line(msgspec.Struct, frozen=True):
    """A line with a report; other keys are ignored."""

    step: Count
    epoch: Measure
    loss: Finite
    accuracy: Annotated[float, msgspec.Meta(ge=0, le=1)]
    learning_rate: Measure
    seconds: Measure
    val_loss: Finite | None = None
    val_accuracy: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None


class Last(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last line of a finished run, with its result."""

    result: Result


@dataclass(frozen=True)
class Reports:
    """The readable lines of ``metrics.jsonl``.

    Attributes:
        lines: each report, with its line verbatim.
        result: the last line's; None if the last line is a report or cannot be read.
        lost: number of lines that cannot be read.
        cut: whether the file ends within a line, like that of a killed process.
        damage: why the file cannot be read at all; otherwise empty.
    """

    lines: tuple[tuple[Line, bytes], ...] = ()
    result: Result | None = None
    lost: int = 0
    cut: bool = False
    damage: str = ""

    def told(self, run: Path) -> list[str]:
        """Describe what is wrong with the log."""
        if self.damage:
            return [self.damage]
        if not self.lost:
            return []
        lines = "1 line" if self.lost == 1 else f"{self.lost:,} lines"
        return [f"{run / METRICS}: {lines} cannot be read and {'is' if self.lost == 1 else 'are'} skipped"]


def read(run: Path) -> Reports:
    """Read as much as possible of the training log of a run."""
    try:
        content = contents.read(run, METRICS)
    except RunError as error:
        return Reports(damage=error.what)
    if content is None:
        return Reports(damage=f"{run / METRICS} is missing")
    kept = [line for line in content.split(b"\n") if line.strip()]
    found = [_decoded(line) for line in kept]
    cut = not content.endswith(b"\n") and found[-1:] == [None]
    return Reports(
        lines=tuple((one, line) for line, one in zip(kept, found, strict=True) if isinstance(one, Line)),
        result=found[-1] if found and isinstance(found[-1], Result) else None,
        lost=sum(one is None for one in found) - cut,
        cut=cut,
    )


def _decoded(line: bytes) -> Line | Result | None:
    try:
        if line.startswith(b'{"result"'):
            return msgspec.json.decode(line, type=Last).result
        return msgspec.json.decode(line, type=Line)
    except (ValueError, RecursionError):
        return None


class Metrics:
    """Writes ``metrics.jsonl`` line by line during a run.

    Args:
        run: the run folder.
        step: lines of later steps, left by a killed process, are dropped.
    """

    def __init__(self, run: Path, step: int) -> None:
        kept = [line + b"\n" for one, line in read(run).lines if one.step <= step]
        self._path = run / METRICS
        with files.Folder(run) as folder:
            self._file = folder.begun(METRICS, b"".join(kept))

    def note(self, line: dict[str, Any]) -> None:
        """Write a line; programs that follow the file see it at once.

        Raises:
            RunError: the disk is full.
        """
        text = f"{json.dumps(line)}\n".encode()
        try:
            self._file.write(text)
            self._file.flush()
        except OSError as error:
            raise files.cannot_write(RunError, self._path, len(text), error) from None

    def sync(self) -> None:
        """Flush all lines to disk.

        Raises:
            RunError: the disk is full.
        """
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise files.cannot_write(RunError, self._path, 0, error) from None

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):  # errors of writing were reported at the time
            self._file.close()
