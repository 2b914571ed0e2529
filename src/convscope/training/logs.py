"""Logs that are written during a run, in addition to ``metrics.jsonl``."""

from __future__ import annotations

import csv
import io
import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from convscope.errors import RunError, unknown
from convscope.extras import missing_extra
from convscope.files import Folder, cannot_write
from convscope.training import contents, trackers
from convscope.training.contents import CSV

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TENSORBOARD = "tensorboard"
"""The folder of event files, beside the other files of the run."""

STEP = "step"


@runtime_checkable
class Log(Protocol):
    """A log that receives each line of ``metrics.jsonl`` as it is written; ``logs=`` takes your own.

    >>> class Lines:
    ...     def note(self, line: dict[str, Any]) -> None:
    ...         self.last = line
    ...
    ...     def close(self) -> None: ...
    >>> isinstance(Lines(), Log)
    True
    """

    def note(self, line: dict[str, Any]) -> None:
        """Write one line: names and values, including ``step``; the last one of a finished run has ``result`` only."""

    def close(self) -> None:
        """Close the log."""


def open_log(kind: str | Log, folder: Path) -> Log:
    """Open a log in the folder of a run; what an earlier part of the run has written is kept.

    A step before the last one means that the run was resumed from a checkpoint: later entries are dropped.

    Args:
        kind: one of :data:`LOGS`, or a log, which is used as it is.
        folder: the run folder, which exists.

    Raises:
        UnknownNameError: there is no such kind.
        MissingExtraError: the library is not installed.
        RunError: the folder cannot be written.
    """
    if not isinstance(kind, str):
        return kind
    if kind not in LOGS:
        raise unknown("log", kind, LOGS)
    return LOGS[kind](folder)


class CsvLog:
    """``metrics.csv``: a row for each step, a column for each name, empty where a line had no such value."""

    def __init__(self, folder: Path) -> None:
        self.folder: Path = folder
        self.path: Path = folder / CSV
        self.rows: list[dict[str, str]] = _rows(folder)
        self.columns: list[str] = list(dict.fromkeys(name for row in self.rows for name in row))
        self._rewrite()

    def note(self, line: dict[str, Any]) -> None:
        """Add a row, or extend the row of that step."""
        numbers = {name: repr(value) for name, value in _numbers(line).items()}
        if not numbers:  # the result, which is no step
            return
        known = len(self.rows)
        while STEP in numbers and self.rows and float(self.rows[-1].get(STEP, "-inf")) > float(numbers[STEP]):
            self.rows.pop()
        if STEP in numbers and self.rows and self.rows[-1].get(STEP) == numbers[STEP]:
            numbers = self.rows.pop() | numbers
        self.rows.append(numbers)
        new = [name for name in numbers if name not in self.columns]
        self.columns += new
        if new or len(self.rows) <= known:
            self._rewrite()
        else:
            self._append(self._text([numbers]))

    def close(self) -> None:
        """Close the file; every row is already on disk."""

    def _append(self, text: str) -> None:
        try:
            with Folder(self.folder) as folder, folder.more(CSV) as file:
                file.write(text.encode())
        except OSError as error:
            raise cannot_write(RunError, self.path, len(text), error) from None

    def _rewrite(self) -> None:
        with Folder(self.folder) as folder:
            folder.write(CSV, self._text([{name: name for name in self.columns}, *self.rows]).encode())

    def _text(self, rows: list[dict[str, str]]) -> str:
        text = io.StringIO()
        csv.DictWriter(text, self.columns, lineterminator="\n").writerows(rows if self.columns else [])
        return text.getvalue()


def _rows(folder: Path) -> list[dict[str, str]]:
    """Read the rows of an earlier part of the run; rows that are truncated or unreadable are left out.

    Raises:
        RunError: the file cannot be read.
    """
    content = contents.read(folder, CSV)
    text = (content or b"").decode(errors="replace")
    whole = io.StringIO(text[: text.rfind("\n") + 1])
    rows: list[dict[str, str]] = []
    with suppress(csv.Error):  # the remaining rows are left out
        rows.extend(
            {name: value for name, value in row.items() if name and isinstance(value, str) and value}
            for row in csv.DictReader(whole)
        )
    return [row for row in rows if _is_step(row.get(STEP, ""))]


def _is_step(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


class TensorBoardLog:
    """Event files in ``tensorboard``, by torch's own writer; TensorBoard groups names that contain ``/``."""

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise missing_extra("tensorboard", "tensorboard") from None
        self.make: Callable[..., Any] = SummaryWriter
        self.folder: Path = folder / TENSORBOARD
        self.writer: Any = None
        self.last: int = 0

    def note(self, line: dict[str, Any]) -> None:
        """Add a point to the curve of each name."""
        numbers = dict(trackers.flat(line))
        step = int(numbers.pop(STEP, self.last))
        if self.writer is None or step < self.last:
            self._open(step)
        self.last = step
        for name, value in numbers.items():
            self.writer.add_scalar(name, value, step)

    def _open(self, step: int) -> None:
        """Open a new event file in which the curves continue at a step; it overrides later points of earlier files."""
        self.close()
        try:
            self.writer = self.make(str(self.folder), purge_step=step)
        except OSError as error:
            raise RunError(f"{self.folder} cannot be written: {error.strerror}") from None

    def close(self) -> None:
        """Write all buffered points."""
        if self.writer is not None:
            self.writer.close()


def _numbers(line: dict[str, Any]) -> dict[str, int | float]:
    """Return the values that can be drawn as a curve."""
    return {
        name: value for name, value in line.items() if isinstance(value, int | float) and not isinstance(value, bool)
    }


LOGS: dict[str, Callable[[Path], Log]] = {
    "csv": CsvLog,
    "tensorboard": TensorBoardLog,
    "trackio": trackers.trackio,
    "wandb": trackers.wandb,
    "mlflow": trackers.mlflow,
}
"""Every kind of log by name."""
