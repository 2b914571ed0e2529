"""What a run folder consists of, what each file decides, what it is sealed by, and what happens when it is damaged.

The one table of that kind: reading a run, resuming it and the documentation all follow it. A file that
*decides* affects the result, so it is checked before it is used. A file that *describes* is for the reader: a run
resumes and is used without it, and missing facts are shown as unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convscope.errors import RunError, refuse_scarcity
from convscope.files import Folder

if TYPE_CHECKING:
    from pathlib import Path

NET, RECIPE, DATA, SEAL, MODEL, METRICS, CSV, ENV, CARD, REPORT = (
    "net.cnn",
    "recipe.toml",
    "data.json",
    "seal.json",
    "model.safetensors",
    "metrics.jsonl",
    "metrics.csv",
    "env.json",
    "README.md",
    "report.html",
)
CHECKPOINTS = "checkpoints"
MANIFEST, TENSORS = f"{CHECKPOINTS}/step-N.json", f"{CHECKPOINTS}/step-N.safetensors"
LARGE, SMALL = 64 * 2**20, 2**20
"""Bytes that are read of a file at most: of one with a line or a name for each of many things, and of any other."""


@dataclass(frozen=True)
class Content:
    """A file of a run folder.

    Attributes:
        name: of the file; ``N`` stands for a step.
        holds: what is in it.
        decides: whether it affects the result.
        sealed: by what its SHA-256 is kept.
        damaged: what happens when it is damaged, edited or missing.
        most: bytes that are read of it; None where the weights of the net say how many there are.
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
        SEAL,
        "SHA-256 of the three settings, from the start; with the result, that of the weights as well",
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
        "versions, processor, threads",
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
        f"{CARD}, {REPORT}",
        "the model card and the page about the run",
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

SETTINGS = tuple(content.name for content in CONTENTS if content.sealed == _SETTING)
"""What is there from the start, and says what is trained."""

SEALED = (*SETTINGS, MODEL)
"""Files whose checksums stand in the result."""


FILES = tuple(name for content in CONTENTS for name in content.name.split(", ") if "/" not in name)
"""Names that are files, where they are there; folders are left out."""


def most(name: str) -> int:
    """Bytes that are read at most of a file with a limit of its own.

    >>> most("recipe.toml")
    1048576
    """
    (found,) = (content.most for content in CONTENTS if name in content.name.split(", "))
    assert found is not None
    return found


def read(run: Path, name: str, limit: int | None = None) -> bytes | None:
    """What is in a file of a run; None if there is none.

    Args:
        run: the folder.
        name: of the file.
        limit: bytes that it may have; by default those of the table.

    Raises:
        RunError: it cannot be read, is longer, or is not a file.
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
    """The table as the documentation shows it."""
    lines = [("file", "holds", "decides", "sealed by", "damaged, edited or missing"), ("---",) * 5]
    for content in CONTENTS:
        names = ", ".join(f"`{name}`" for name in content.name.split(", "))
        lines.append((names, content.holds, "yes" if content.decides else "no", content.sealed, content.damaged))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
