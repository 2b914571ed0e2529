"""The seal of a run: from the start, SHA-256 of everything that decides the result; at the end, the result.

An unfinished run is sealed by ``seal.json`` and again by each of its checkpoints, so that a flipped digit in a setting
cannot train other weights, and a flipped bit in a seal does not stop an intact run.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from convscope import files
from convscope.errors import RunError
from convscope.training import contents
from convscope.training.contents import SEAL, SETTINGS
from convscope.training.decode import Count, Finite, Measure, Sha256, from_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Result:
    """The result of a run.

    Attributes:
        loss: on the test set, mean cross-entropy [nat].
        accuracy: on the test set.
        params: number of parameters.
        seconds: time of training, without reading data and testing.
        images_per_second: training speed.
        sha256: SHA-256 of the net, the recipe, the data set's facts and the weights, by file name.
    """

    loss: Finite
    accuracy: Annotated[float, msgspec.Meta(ge=0, le=1)]
    params: Count
    seconds: Measure
    images_per_second: Measure
    sha256: dict[str, Sha256]


class Seal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The content of ``seal.json``.

    Attributes:
        checksum: checksum of all other fields (:func:`checksum`).
        sha256: SHA-256 of each setting, by file name.
        result: the result; None while the run is not finished.
    """

    checksum: Sha256
    sha256: dict[str, Sha256]
    result: Result | None = None


def checksum(told: Mapping[str, Any]) -> str:
    """Return the SHA-256 of plain data, independent of the order of its keys.

    >>> checksum({"a": 1, "b": 2}) == checksum({"b": 2, "a": 1})
    True
    """
    return files.sha256(json.dumps(told, sort_keys=True).encode())


def write(run: Path, sha256: Mapping[str, str], result: Result | None = None) -> None:
    """Seal a run.

    Raises:
        RunError: the folder cannot be written.
    """
    told = {"sha256": dict(sha256), "result": asdict(result) if result else None}
    content = msgspec.json.encode({"checksum": checksum(told), **told})
    with files.Folder(run) as folder:
        folder.write(SEAL, msgspec.json.format(content, indent=1) + b"\n")


def read(run: Path) -> Seal | None:
    """Read the seal of a run; None if it has none, like runs of earlier versions.

    Raises:
        RunError: it is damaged.
    """
    content = contents.read(run, SEAL)
    if content is None:
        return None
    seal = from_json(content, Seal, run / SEAL)
    result = asdict(seal.result) if seal.result else None
    if checksum({"sha256": seal.sha256, "result": result}) != seal.checksum:
        raise RunError(f"{run / SEAL} is damaged: its checksum does not match", attempt=REMEDY)
    return seal


REMEDY = f"remove {SEAL}: the newest checkpoint and the last line of metrics.jsonl have the same seals"


def check(run: Path, sealed: Mapping[str, str], found: Mapping[str, str]) -> None:
    """Compare files with their seals.

    Args:
        run: the folder.
        sealed: SHA-256 by file name.
        found: the current SHA-256.

    Raises:
        RunError: a file has changed.
    """
    for name in changed(sealed, found):
        setting = name in SETTINGS
        raise RunError(
            f"{run / name} is damaged{', or was edited after the run began' if setting else ''}",
            given=f"SHA-256 {found.get(name, 'of no file')[:16]}…",
            expected=f"SHA-256 {sealed[name][:16]}…" if name in sealed else "a seal for it",
            attempt=f"restore it, or {'train its current content as a new run' if setting else 'train it again'}: "
            f"convscope train --from {run}",
        )


def check_unfinished(run: Path, found: Mapping[str, str], checkpoint: Mapping[str, str] | None) -> list[str]:
    """Compare the settings of an unfinished run with each of their readable seals.

    Args:
        run: the folder.
        found: SHA-256 of the current settings.
        checkpoint: the seals in the checkpoint from which the run resumes; None if there are none.

    Returns:
        What is wrong with the seals themselves.

    Raises:
        RunError: a setting has changed, or the seal is damaged and no checkpoint has another.
    """
    own, told = None, []
    try:
        own = read(run)
    except RunError as error:
        if not checkpoint:
            error.attempt = f"train the current settings as a new run: convscope train --from {run}"
            raise
        told = [f"{error.what}; the seals of the checkpoint are used"]
    for sealed in (own.sha256 if own else None, checkpoint):
        if sealed is not None:
            check(run, sealed, found)
    if own is None and checkpoint is None:
        told = [f"{run} was started by a version that did not seal the settings; they are used as they are"]
    return told


def changed(sealed: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Return the names of files that differ from their seals."""
    return [name for name in sorted({*sealed, *found}) if sealed.get(name) != found.get(name)]
