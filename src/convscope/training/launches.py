"""Notes on which run the processes of a torchrun launch train, so that restarted processes find it again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from convscope import files
from convscope.errors import RunError
from convscope.training.distributed import launch, restarts
from convscope.training.run import is_finished

if TYPE_CHECKING:
    from convscope.training.distributed import Ranks
    from convscope.training.run import Job

MOST = 2**16
"""Limit for the file that names a run [byte]."""


def _launch(out: Path) -> Path:
    """Return the file that notes which run the processes of this torchrun launch train."""
    return out / f".launch-{launch()}"


def begun(out: Path) -> Path | None:
    """Return the run that this launch began before one of its processes died."""
    note = _launch(out)
    if not restarts() or not note.is_file():
        return None
    path = _noted(note)
    return path if path.is_dir() else None


def _noted(note: Path) -> Path:
    """Return the run that a note names.

    Raises:
        RunError: the note cannot be read.
    """
    try:
        return Path(files.read(note, MOST).decode())
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{note} cannot be read: {getattr(error, 'strerror', error)}") from None


def note_begun(job: Job, ranks: Ranks) -> None:
    """Note which run this launch trains; the notes of launches that have ended are removed."""
    if ranks.world == 1:
        return
    for note in job.path.parent.glob(".launch-*"):
        path = _noted(note)
        if is_finished(path) or not path.is_dir():
            note.unlink(missing_ok=True)
    files.put(_launch(job.path.parent), str(job.path).encode())
