"""Where a training run stands, on the disk: weights, optimizer, random numbers, place in the data; all or nothing.

A checkpoint is two files: ``step-00000500.safetensors`` with the tensors, and ``step-00000500.json``, written when the
first is on the disk, with its SHA-256, the numbers that are no tensors, and a checksum of itself. Without its ``.json``
a file of tensors is no checkpoint. The last two are kept, so that there is one to fall back to.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import safetensors
from safetensors.torch import load, save

from convscope import files
from convscope.errors import RunError
from convscope.training.run import CHECKPOINTS

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

FOLDER = CHECKPOINTS
KEPT = 2

TOLD = 64 * 2**20
"""Bytes of a file of numbers, at most."""

_NAME = re.compile(r"step-(\d{8,})\.json")


@dataclass(frozen=True)
class State:
    """Where a run stands.

    Attributes:
        tensors: weights, optimizer and random numbers, by name.
        numbers: what is no tensor; ``step`` is one of them.
    """

    tensors: dict[str, Tensor]
    numbers: dict[str, Any]

    @property
    def step(self) -> int:
        """Steps done."""
        return int(self.numbers["step"])


def write(run: Path, state: State) -> None:
    """Add a checkpoint to a run folder and remove the oldest ones.

    Raises:
        RunError: it cannot be written; the earlier ones stay.
    """
    stem = f"step-{state.step:08d}"
    content = save({name: tensor.contiguous() for name, tensor in state.tensors.items()})
    told = {"numbers": state.numbers, "sha256": files.sha256(content)}
    with files.Folder(run) as whole:
        whole.make(FOLDER)
        with whole.inside(FOLDER) as folder:
            folder.write(f"{stem}.safetensors", content)
            files.crash_point("tensors")
            folder.write(f"{stem}.json", json.dumps({"checksum": _checksum(told), **told}, indent=1).encode())
            files.crash_point("checkpoint")
            for step in sorted(_steps(folder))[:-KEPT]:
                folder.remove(f"step-{step:08d}.json")
                files.crash_point("forgotten")
                folder.remove(f"step-{step:08d}.safetensors")


def steps(run: Path) -> list[int]:
    """The steps after which there are checkpoints in a run folder, in no order."""
    with files.Folder(run) as whole:
        if not whole.kind(FOLDER):
            return []
        with whole.inside(FOLDER) as folder:
            return _steps(folder)


def _steps(folder: files.Folder) -> list[int]:
    return [int(match[1]) for match in map(_NAME.fullmatch, folder.names()) if match]


def newest(run: Path, *, strict: bool) -> tuple[State | None, list[str]]:
    """The newest checkpoint that is undamaged, and what was wrong with newer ones; None where there is none.

    Args:
        run: the folder.
        strict: refuse to fall back.

    Raises:
        RunError: the newest is damaged, and ``strict``; or all are.
    """
    damage: list[str] = []
    for step in sorted(steps(run), reverse=True):
        try:
            return read(run, step), damage
        except RunError as error:
            if strict:
                raise
            damage.append(str(error).splitlines()[0].removeprefix("RunError: "))
    if damage:
        raise RunError(f"{run} has no undamaged checkpoint: {'; '.join(damage)}")
    return None, damage


def read(run: Path, step: int) -> State:
    """One checkpoint, checked in full.

    Raises:
        RunError: it is damaged.
    """
    name = f"{FOLDER}/step-{step:08d}"
    path = run / f"{name}.json"
    try:
        told, content = _contents(run, name)
        if told.pop("checksum") != _checksum(told):
            raise RunError(f"{path} is damaged")
        if files.sha256(content) != told["sha256"]:
            raise RunError(f"{path.with_suffix('.safetensors')} is damaged", given=f"{len(content)} bytes")
        return State(load(content), told["numbers"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise RunError(f"{path} is damaged: {error}") from None
    except safetensors.SafetensorError as error:
        raise RunError(f"{path.with_suffix('.safetensors')} is damaged: {error}") from None


def _contents(run: Path, name: str) -> tuple[Any, bytes]:
    """What is told of a checkpoint, and its tensors."""
    with files.Folder(run) as folder:
        told = json.loads(folder.read(f"{name}.json", TOLD))
        with folder.opened(f"{name}.safetensors") as file:
            return told, file.read()


def size(tensors: int) -> int:
    """Bytes that the checkpoints of a run take at most, for so many bytes of tensors in one.

    >>> size(1000)  # two that are kept and one that is being written
    3000
    """
    return (KEPT + 1) * tensors


def _checksum(told: dict[str, Any]) -> str:
    return files.sha256(json.dumps(told, sort_keys=True).encode())
