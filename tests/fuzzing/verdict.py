"""What is wrong with what a reader did to an input: an error that is not ours, too much time or memory, or characters
that act on a terminal."""

from __future__ import annotations

import resource
import signal
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convscope.errors import ConvscopeError

if TYPE_CHECKING:
    from fuzzing.readers import Reader

SECONDS, MEGABYTES = 1.0, 300
"""Of the processor and above the start, for one input."""

PATIENCE = 8.0
"""Where an input is given up [s of the processor]."""


class OverError(BaseException):
    """Nothing may catch it but the judge."""


def judged(reader: Reader, content: bytes, folder: Path, *, slower: float = 1.0) -> tuple[str, str]:
    """The kind of fault (or an empty string) and a text that tells it from others of the kind.

    Args:
        reader: reads it.
        content: the input.
        folder: for its file.
        slower: how much more time is granted, where the code counts its branches.
    """
    signal.signal(signal.SIGVTALRM, _over)
    signal.setitimer(signal.ITIMER_VIRTUAL, PATIENCE * slower)
    begun = _reset()
    start = time.process_time()
    try:
        kind, text = "", reader.attempt(content, folder)
    except ConvscopeError as error:
        kind, text = "", str(error)
    except OverError as error:
        kind, text = "slow", _where(error)
    except Exception as error:  # noqa: BLE001 -- this is what is looked for
        kind, text = "uncaught", f"{type(error).__name__} {_where(error)}"
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    seconds, megabytes = time.process_time() - start, (_peak() - begun) / 1e6
    if kind:
        return kind, text
    if seconds > SECONDS * slower:
        return "slow", f"{seconds:.1f} s: {text[:80]}"
    if megabytes > MEGABYTES:
        return "fat", f"{megabytes:.0f} MB: {text[:80]}"
    odd = [char for char in text if not char.isprintable() and char != "\n"]
    return ("unprintable", f"{odd[0]!r} in {text[:80]!r}") if odd else ("", "")


def _over(*_: Any) -> None:
    raise OverError


def _where(error: BaseException) -> str:
    """The last place in the package that an error passed."""
    places = [one for one in traceback.extract_tb(error.__traceback__) if "/convscope/" in one.filename]
    return f"{Path(places[-1].filename).name}:{places[-1].lineno}" if places else "outside"


def _reset() -> int:
    """Begin the peak of memory anew."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:  # elsewhere the peak is that of the whole process
        return _peak()
    return _peak()


def _peak() -> int:
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
