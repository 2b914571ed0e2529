"""The lock of a run folder: one process at a time trains in it."""

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
"""Limit for the file that names the owner [byte]."""


class Owner(msgspec.Struct, frozen=True):
    """The process that trains in a run folder."""

    pid: int
    host: str
    since: str


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Keep other processes from training in a run folder. If the process is killed, its lock is released.

    Raises:
        RunError: another process holds the lock; the error names process and host.
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
        with suppress(RunError), Folder(folder) as run:  # the folder may have been moved away
            run.remove(OWNER)
        lock.release()  # the file stays: a process that has it open and one that recreates it would both hold a lock


def _check_lock(folder: Path) -> None:
    """Refuse a lock file that is also another file, since taking a lock empties the file.

    Raises:
        RunError: it is a link, a pipe, or a file with several names.
    """
    with Folder(folder) as run:
        run.require_alone(LOCK)


def _owner(folder: Path) -> str:
    for _ in range(20):  # the owner may not have written its name yet
        try:
            with Folder(folder) as run:
                owner = from_json(run.read(OWNER, MOST), Owner, folder / OWNER)
        except (OSError, RunError):
            time.sleep(0.01)
        else:
            return f"process {owner.pid} on {owner.host}, since {owner.since},"
    return "another process"
