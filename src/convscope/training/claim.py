"""A run folder belongs to one process at a time."""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from convscope.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK, OWNER = ".lock", ".owner.json"


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Keep other processes from training in a run folder. The claim of a process that was killed ends with it.

    Raises:
        RunError: another process has it; the error names process and host.
    """
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RunError(f"{folder} is in use: {_owner(folder)} trains in it") from None
    except OSError as error:
        raise RunError(f"{folder} cannot be written: {error.strerror}") from None
    try:
        owner = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
        (folder / OWNER).write_text(json.dumps(owner) + "\n", encoding="utf-8")
        yield
    finally:
        (folder / OWNER).unlink(missing_ok=True)
        lock.release()  # the file stays: who has it open, and who makes a new one, would both have a lock


def _owner(folder: Path) -> str:
    for _ in range(20):  # the winner may not have written its name yet
        try:
            owner = json.loads((folder / OWNER).read_text(encoding="utf-8"))
            return f"process {owner['pid']} on {owner['host']}, since {owner['since']},"
        except (OSError, ValueError, LookupError, TypeError):
            time.sleep(0.01)
    return "another process"
