"""Push a run to the hub of Hugging Face."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convscope.errors import RunError
from convscope.frontends import hub
from convscope.inert import inert
from convscope.training import run as runs
from convscope.training.callbacks import unheard
from convscope.training.contents import CARD
from convscope.training.run import Run
from convscope.training.shared import copied
from convscope.view.numbers import bytes_text

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Pushed:
    """What was pushed; prints itself.

    Attributes:
        name: ``hf:OWNER/NAME``.
        files: name and size [byte] of each file.
        address: the page of the repository; empty if nothing was sent.
    """

    name: str
    files: tuple[tuple[str, int], ...]
    address: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {"name": self.name, "address": self.address or None, "files": dict(self.files)}

    def __str__(self) -> str:
        wide = max(len(name) for name, _ in self.files)
        rows = [f"{name:<{wide}}  {bytes_text(size)}" for name, size in self.files]
        return "\n".join([*rows, inert(self.address) if self.address else f"nothing was sent to {self.name}"])


def push(
    run: Run | str | Path,
    to: str,
    *,
    private: bool = False,
    dry_run: bool = False,
    note: Callable[[str], None] = unheard,
) -> Pushed:
    """Send a copy of a finished run to the hub of Hugging Face, which is made if it is not there.

    The copy is a complete run folder without any path of this machine (:mod:`convscope.training.shared`): weights, net,
    settings, facts about the data, log, model card and report. Images are never sent.

    Args:
        run: the run.
        to: ``hf:OWNER/NAME``.
        private: make a new repository private.
        dry_run: send nothing, and return what would be sent.
        note: called with what is left out.

    Raises:
        FieldError: ``to`` is not such a name.
        MissingExtraError: ``huggingface_hub`` is not installed.
        RunError: the run is not finished, there is no token, or the hub refuses.
    """
    name = hub.repository(to)
    library = None if dry_run else _logged_in(to)
    done = run if isinstance(run, Run) else runs.load(run)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        copied(done, folder, note)
        _complete(folder, to)
        files = tuple((one.name, one.stat().st_size) for one in sorted(folder.iterdir()))
        address = "" if library is None else _sent(library, name, folder, private=private)
    return Pushed(to, files, address)


def _logged_in(to: str) -> Any:
    """Return the library of the hub.

    Raises:
        MissingExtraError: it is not installed.
        RunError: there is no token.
    """
    library = hub.library()
    if not library.get_token():
        raise RunError(f"nothing can be sent to {to}: there is no token", attempt="hf auth login, or set HF_TOKEN")
    return library


def _complete(folder: Path, to: str) -> None:
    """Add to the model card how the run is used from the hub."""
    card = folder / CARD
    if card.is_file():
        use = f"\nFrom the hub:\n\n```\nconvscope predict {to} image.png\nconvscope train {to} --data my-images\n```\n"
        card.write_text(card.read_text(encoding="utf-8") + use, encoding="utf-8", newline="\n")


def _sent(library: Any, name: str, folder: Path, *, private: bool) -> str:
    """Send all files in one commit, and return the address of the repository.

    Raises:
        RunError: the hub refuses, or cannot be reached.
    """
    try:
        api = library.HfApi()
        made = api.create_repo(name, private=private, exist_ok=True, repo_type="model")
        api.upload_folder(repo_id=name, folder_path=folder, repo_type="model", commit_message="A run of Convscope")
        return str(made)
    except Exception as error:  # noqa: BLE001 -- the library of the hub may raise anything
        raise RunError(f"hf:{name} cannot be written: {hub.told(error)}", attempt=hub.REMEDY) from None
