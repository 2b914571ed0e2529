"""A run folder belongs to one process at a time."""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import msgspec
from filelock import FileLock, Timeout

from convscope.errors import RunError
from convscope.files import Folder
from convscope.training.decode import from_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK, OWNER = ".lock", ".owner.json"

MOST = 4096
"""Bytes of the name of an owner."""


class Owner(msgspec.Struct, frozen=True):
    """The process that trains in a run folder."""

    pid: int
    host: str
    since: str


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Keep other processes from training in a run folder. The lock of a killed process is released with it.

    Raises:
        RunError: another process has it; the error names process and host.
    """
    lock = FileLock(folder / LOCK)
    try:
        _check_lock(folder)
        lock.acquire(timeout=0)
    except Timeout:
        raise RunError(f"{folder} is in use: {_owner(folder)} is training in it") from None
    except OSError as error:
        raise RunError(f"{folder} cannot be written: {error.strerror}") from None
    try:
        owner = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
        with Folder(folder) as run:
            run.write(OWNER, f"{json.dumps(owner)}\n".encode())
        yield
    finally:
        with suppress(RunError), Folder(folder) as run:  # somebody may have moved it away
            run.remove(OWNER)
        lock.release()  # the file stays: who has it open, and who makes a new one, would both have a lock


def _check_lock(folder: Path) -> None:
    """Refuse a lock that is another file, too: whoever takes a lock empties the file.

    Raises:
        RunError: it is a link, a pipe, or a file of several names.
    """
    with Folder(folder) as run:
        run.require_alone(LOCK)


def _owner(folder: Path) -> str:
    for _ in range(20):  # the winner may not have written its name yet
        try:
            with Folder(folder) as run:
                owner = from_json(run.read(OWNER, MOST), Owner, folder / OWNER)
        except (OSError, RunError):
            time.sleep(0.01)
        else:
            return f"process {owner.pid} on {owner.host}, since {owner.since},"
    return "another process"
