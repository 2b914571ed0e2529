"""The state of a training run on disk: weights, optimizer, random state, position in the data; all or nothing.

A checkpoint is two files: ``step-00000500.safetensors`` with the tensors, and ``step-00000500.json``, written when the
first is on the disk, with its SHA-256, that of the settings of the run, the state that is not a tensor, and a checksum
of itself. A file of tensors without its ``.json`` is not a checkpoint. The last two checkpoints are kept, so there is
one to fall back to.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import safetensors
from safetensors.torch import load, save

from convscope import files
from convscope.errors import RunError
from convscope.training import contents
from convscope.training.contents import CHECKPOINTS, MANIFEST
from convscope.training.decode import Count, Finite, Measure, Sha256, from_json
from convscope.training.seal import checksum

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

FOLDER = CHECKPOINTS
KEPT = 2
ANY = 2**50
"""Limit for a file of tensors whose expected size is unknown [byte]."""

_NAME = re.compile(r"step-(\d{8,})\.json")


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The position of the stream of batches: the epoch, and the images used in it."""

    epoch: Count
    at: Count


class Means(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The epoch so far: steps, correct images, the sum of losses; the last learning rate; seconds of training."""

    in_epoch: Count
    hits: Count
    loss: Finite
    rate: Measure
    seconds: Measure


class Numbers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The state that is not a tensor."""

    step: Count
    place: Place
    watch: Means


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of ``step-N.json``.

    Attributes:
        checksum: of all other fields.
        numbers: the state that is not a tensor.
        sha256: of the file of tensors.
        seals: SHA-256 of the settings of the run, by file name; None in checkpoints of earlier versions.
    """

    checksum: Sha256
    numbers: Numbers
    sha256: Sha256
    seals: dict[str, Sha256] | None = None


@dataclass(frozen=True)
class State:
    """The state of a run.

    Attributes:
        tensors: weights, optimizer and random numbers, by name.
        numbers: the state that is not a tensor.
        seals: SHA-256 of the settings, by file name, from the checkpoint that was read; None if it has none.
    """

    tensors: dict[str, Tensor]
    numbers: Numbers
    seals: dict[str, str] | None = None

    @property
    def step(self) -> int:
        """Number of steps that are done."""
        return self.numbers.step


def write(run: Path, state: State, seals: Mapping[str, str]) -> None:
    """Add a checkpoint to a run folder and remove the oldest ones.

    Args:
        run: the folder.
        state: the state of the run.
        seals: SHA-256 of the settings of the run, by file name.

    Raises:
        RunError: the checkpoint cannot be written; earlier ones are kept.
    """
    stem = f"step-{state.step:08d}"
    content = save({name: tensor.contiguous() for name, tensor in state.tensors.items()})
    numbers = msgspec.to_builtins(state.numbers)
    told = {"numbers": numbers, "sha256": files.sha256(content), "seals": dict(seals)}
    with files.Folder(run) as whole:
        whole.make(FOLDER)
        with whole.inside(FOLDER) as folder:
            folder.write(f"{stem}.safetensors", content)
            folder.write(f"{stem}.json", json.dumps({"checksum": checksum(told), **told}, indent=1).encode())
            for step in sorted(_steps(folder))[:-KEPT]:
                folder.remove(f"step-{step:08d}.json")
                folder.remove(f"step-{step:08d}.safetensors")


def steps(run: Path) -> list[int]:
    """Yield the steps that have a checkpoint in a run folder, in no particular order."""
    with files.Folder(run) as whole:
        if not whole.kind(FOLDER):
            return []
        with whole.inside(FOLDER) as folder:
            return _steps(folder)


def _steps(folder: files.Folder) -> list[int]:
    return [int(match[1]) for match in map(_NAME.fullmatch, folder.names()) if match]


def newest(run: Path, *, strict: bool, most: int = ANY) -> tuple[State | None, list[str]]:
    """Return the newest undamaged checkpoint, or None if there is none, and what was wrong with newer ones.

    Args:
        run: the folder.
        strict: refuse to fall back.
        most: limit for the file of tensors (:func:`largest`) [byte].

    Raises:
        RunError: all checkpoints are damaged, or the newest one is and ``strict`` is set.
    """
    damage: list[str] = []
    for step in sorted(steps(run), reverse=True):
        try:
            return read(run, step, most), damage
        except RunError as error:
            if strict:
                raise
            damage.append(str(error).splitlines()[0])
    if damage:
        raise RunError(f"{run} has no undamaged checkpoint: {'; '.join(damage)}")
    return None, damage


def read(run: Path, step: int, most: int = ANY) -> State:
    """Read one checkpoint and check it in full.

    Args:
        run: the folder.
        step: the step after which it was written.
        most: limit for the file of tensors [byte].

    Raises:
        RunError: the checkpoint is damaged.
    """
    name = f"{FOLDER}/step-{step:08d}"
    path = run / f"{name}.json"
    described = contents.read(run, f"{name}.json", contents.most(MANIFEST))
    if described is None:
        raise RunError(f"{path} is missing")
    told = from_json(described, dict[str, Any], path)
    manifest = from_json(described, Manifest, path)
    told.pop("checksum")
    if checksum(told) != manifest.checksum:
        raise RunError(f"{path} is damaged: its checksum does not match")
    if manifest.numbers.step != step:
        raise RunError(f"{path} is damaged: it belongs to step {manifest.numbers.step}")
    tensors = _tensors(run, f"{name}.safetensors", manifest.sha256, most)
    return State(tensors, manifest.numbers, manifest.seals)


def _tensors(run: Path, name: str, sha256: str, most: int) -> dict[str, Tensor]:
    path, content = run / name, contents.read(run, name, most)
    if content is None:
        raise RunError(f"{path} is missing")
    if files.sha256(content) != sha256:
        raise RunError(f"{path} is damaged", given=f"{len(content)} bytes")
    try:
        return load(content)
    except (ValueError, LookupError, TypeError, RuntimeError, safetensors.SafetensorError) as error:
        raise RunError(f"{path} is damaged: {error}") from None


def largest(weights: int) -> int:
    """Return the limit for the tensors of a checkpoint of a net with this many bytes of weights [byte].

    The limit is twice the size of the weights, their mean and the two means of the optimizer, plus room for the random
    states of the processes, the statistics of norms and the names.

    >>> largest(2**20) // 2**20
    24
    """
    return 8 * weights + 16 * 2**20


def size(tensors: int) -> int:
    """Return the most that the checkpoints of a run take, given the bytes of tensors in one [byte].

    >>> size(1000)  # two that are kept and one that is being written
    3000
    """
    return (KEPT + 1) * tensors
