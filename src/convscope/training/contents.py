"""The files of a run folder: what each one decides, where its checksum is kept, and what happens if it is damaged.

Reading a run, resuming it and the documentation all follow this one table. A file that *decides* affects the result, so
it is checked before it is used. A file that *describes* is for people: a run can be resumed and used without it, and
missing facts are shown as unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convscope.errors import RunError, refuse_scarcity
from convscope.files import Folder

if TYPE_CHECKING:
    from pathlib import Path

NET, RECIPE, DATA, INITIAL, SEAL, MODEL, METRICS, CSV, ENV, CARD, REPORT, LIVE = (
    "net.cnn",
    "recipe.toml",
    "data.json",
    "initial.safetensors",
    "seal.json",
    "model.safetensors",
    "metrics.jsonl",
    "metrics.csv",
    "env.json",
    "README.md",
    "report.html",
    "explorer.html",
)
CHECKPOINTS = "checkpoints"
MANIFEST, TENSORS = f"{CHECKPOINTS}/step-N.json", f"{CHECKPOINTS}/step-N.safetensors"
LARGE, SMALL = 64 * 2**20, 2**20
"""Limits for files that grow with the run or the data set, and for all others [byte]."""


@dataclass(frozen=True)
class Content:
    """A file of a run folder.

    Attributes:
        name: name of the file; ``N`` stands for a step.
        holds: its content.
        decides: whether it affects the result.
        sealed: where its SHA-256 is kept.
        damaged: what happens if it is damaged, edited or missing.
        most: limit [byte]; None if the limit follows from the weights of the net.
    """

    name: str
    holds: str
    decides: bool
    sealed: str
    damaged: str
    most: int | None = None


_SETTING = "`seal.json` from the start, every checkpoint, and the result"
_REFUSED = "refused, naming the file; `--from` trains its current content as a new run"
_EARLIER = "reported, and the previous checkpoint is used; refused with `--strict` or when none is left"

CONTENTS: tuple[Content, ...] = (
    Content(NET, "the net, in the notation", decides=True, sealed=_SETTING, damaged=_REFUSED, most=SMALL),
    Content(RECIPE, "the seed and every setting", decides=True, sealed=_SETTING, damaged=_REFUSED, most=SMALL),
    Content(
        DATA,
        "facts about the data set: size, classes, counts, mean, fingerprints of the images",
        decides=True,
        sealed=_SETTING,
        damaged=_REFUSED,
        most=LARGE,
    ),
    Content(
        INITIAL,
        "the weights that a model brought, from which training starts; missing where they are random",
        decides=True,
        sealed=_SETTING,
        damaged=_REFUSED,
    ),
    Content(
        SEAL,
        "SHA-256 of the settings, from the start; with the result, that of the weights as well",
        decides=True,
        sealed="itself",
        damaged="reported, and the seals of the newest checkpoint are used; a finished run is refused, with advice",
        most=SMALL,
    ),
    Content(
        TENSORS,
        "weights, optimizer, random numbers",
        decides=True,
        sealed="`step-N.json`",
        damaged=_EARLIER,
    ),
    Content(
        MANIFEST,
        "step, place in the data, SHA-256 of the tensors and of the settings",
        decides=True,
        sealed="itself",
        damaged=_EARLIER,
        most=SMALL,
    ),
    Content(
        MODEL,
        "the trained weights, by `layer.tensor`",
        decides=True,
        sealed="`seal.json`, with the result",
        damaged="refused, naming the file",
    ),
    Content(
        METRICS,
        "the training log: one line per report; the last line repeats the result",
        decides=False,
        sealed="nothing",
        damaged="unreadable lines are skipped and reported",
        most=4 * LARGE,
    ),
    Content(
        ENV,
        "versions, processor, threads, device",
        decides=False,
        sealed="nothing",
        damaged="reported; missing facts are shown as unknown",
        most=SMALL,
    ),
    Content(
        f"{CSV}, tensorboard/",
        "the training log in another format, with `--log`",
        decides=False,
        sealed="nothing",
        damaged="unreadable rows are skipped",
        most=4 * LARGE,
    ),
    Content(
        f"{CARD}, {REPORT}, {LIVE}",
        "the model card and the pages about the run, one to read and one to click through",
        decides=False,
        sealed="nothing",
        damaged="nothing: they are written but never read",
    ),
    Content(
        ".lock, .owner.json",
        "which process is training",
        decides=False,
        sealed="nothing",
        damaged="the training process is not named",
        most=SMALL,
    ),
)
"""Every file of a run folder, in the order in which they are explained."""

SETTINGS = tuple(content.name for content in CONTENTS if content.sealed == _SETTING and content.name != INITIAL)
"""The files that exist from the start of every run and define what is trained."""

SEALED = (*SETTINGS, MODEL)
"""Files whose checksums are part of the result."""


FILES = tuple(name for content in CONTENTS for name in content.name.split(", ") if "/" not in name)
"""Names that must be files if they exist; folders are left out."""


def most(name: str) -> int:
    """Return the limit for a file that has one of its own [byte].

    >>> most("recipe.toml")
    1048576
    """
    (found,) = (content.most for content in CONTENTS if name in content.name.split(", "))
    assert found is not None
    return found


def read(run: Path, name: str, limit: int | None = None) -> bytes | None:
    """Return the content of a file of a run, or None if the file does not exist.

    Args:
        run: the folder.
        name: of the file.
        limit: the largest size [byte]; by default that of the table.

    Raises:
        RunError: the file cannot be read, is too long, or is not a regular file.
    """
    try:
        with Folder(run) as folder:
            return folder.read(name, most(name) if limit is None else limit)
    except FileNotFoundError:
        return None
    except OSError as error:
        refuse_scarcity(error)
        raise RunError(f"{run / name} cannot be read: {error.strerror}") from None


def to_markdown() -> str:
    """Return the table as the documentation shows it."""
    lines = [("file", "holds", "decides", "sealed by", "damaged, edited or missing"), ("---",) * 5]
    for content in CONTENTS:
        names = ", ".join(f"`{name}`" for name in content.name.split(", "))
        lines.append((names, content.holds, "yes" if content.decides else "no", content.sealed, content.damaged))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
