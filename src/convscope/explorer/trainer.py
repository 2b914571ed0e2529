"""Training from the page: one run at a time, in a process of its own, which is watched by its files.

The process is ``convscope train``, so a run from the page is a run as any other: it is saved, can be stopped, resumed
and repeated, and survives the server. A page chooses among data sets and numbers; it names no file.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from convscope.data import DATASETS
from convscope.errors import ConvscopeError, FieldError, MachineError, unknown
from convscope.explorer.build import document_of
from convscope.frontends import text
from convscope.inert import inert
from convscope.training import metrics
from convscope.training.contents import CHECKPOINTS
from convscope.training.run import load

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.explorer.document import Document
    from convscope.training.run import Run

LOOK = 0.4
"""Time between two looks at the files of a run [second]."""

SAVE = 5
"""Time between checkpoints, each of which the page shows [second]."""

OUT = Path("runs")
"""Folder of the runs, below the one in which the server was started."""


class Start(msgspec.Struct, forbid_unknown_fields=True):
    """The arguments of a new training.

    Attributes:
        notation: the net.
        data: name of a data set.
        epochs: times that each image is seen.
        seed: for weights, order and shifts.
    """

    notation: str
    data: str = "mnist"
    epochs: Annotated[float, msgspec.Meta(gt=0, le=1000)] = 1.0
    seed: Annotated[int, msgspec.Meta(ge=0, lt=2**31)] = 0


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """No arguments."""


@dataclass
class Trainer:
    """Trains for the pages of one server.

    Attributes:
        publish: sends a report to all pages: its kind, and facts.
        show: takes a name, a document and its run.
        out: folder of the runs.
    """

    publish: Callable[..., None]
    show: Callable[[str, Document, Run | None], None]
    out: Path = OUT
    _process: subprocess.Popen[bytes] | None = None
    _run: Path | None = None
    _state: str = "idle"
    _seen: int = 0
    _saved: str = ""
    _why: str = ""
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def start(self, asked: Start) -> dict[str, Any]:
        """Begin a training.

        Raises:
            MachineError: one is running.
            UnknownNameError: there is no such data set.
            NotationError: the net cannot be read.
        """
        if asked.data not in DATASETS:
            raise unknown("data set", asked.data, DATASETS)
        net = text.read(asked.notation, source="<page>")
        with self._lock:
            self._refuse_a_second()
            self._run = self._free(f"{asked.data}-page-seed{asked.seed}")
            words = [text.write(net), "--data", asked.data, "--epochs", f"{asked.epochs:g}", "--seed", str(asked.seed)]
            return self._begin([*words, "--out", str(self.out), "--name", self._run.name])

    def resume(self, asked: Nothing) -> dict[str, Any]:  # noqa: ARG002 -- as all questions
        """Resume the training that was stopped.

        Raises:
            MachineError: one is running.
            FieldError: there is none to resume.
        """
        with self._lock:
            self._refuse_a_second()
            if self._run is None or self._state != "stopped":
                raise FieldError("there is no training to resume")
            return self._begin(["--resume", str(self._run)])

    def stop(self, asked: Nothing) -> dict[str, Any]:  # noqa: ARG002 -- as all questions
        """Stop the training after its step; it is saved, and can be resumed."""
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                self._state = "stopping"
                self._process.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM))
        return self.status(Nothing())

    def status(self, asked: Nothing) -> dict[str, Any]:  # noqa: ARG002 -- as all questions
        """Return the state of the training, and its log so far."""
        with self._lock:
            log = [msgspec.to_builtins(line) for line, _ in metrics.read(self._run).lines] if self._run else []
            return {"state": self._state, "run": self._name(), "log": log, "why": self._why, "data": list(DATASETS)}

    def end(self) -> None:
        """Stop the training, as the server ends; its checkpoint stays."""
        self.stop(Nothing())
        if self._process is not None:
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()

    def _refuse_a_second(self) -> None:
        if self._process is not None and self._process.poll() is None:
            raise MachineError("a training is running already", attempt="stop it first")

    def _free(self, name: str) -> Path:
        """Return a folder that does not exist."""
        number = 1
        while (found := self.out / (name if number == 1 else f"{name}-{number}")).exists():
            number += 1
        return found

    def _begin(self, words: list[str]) -> dict[str, Any]:
        """Start the process, and a thread that watches it."""
        habits = ["--save-every", str(SAVE), "--quiet", "--no-report"]
        self._process = subprocess.Popen(  # noqa: S603 -- ourselves
            [sys.executable, "-m", "convscope", "train", *words, *habits],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=os.name != "nt",  # Ctrl-C ends the server, which then asks the training to stop
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        self._state, self._seen, self._saved, self._why = "running", 0, "", ""
        threading.Thread(target=self._watch, args=(self._process,), name="convscope-training", daemon=True).start()
        return self.status(Nothing())

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Report new lines of the log, show each checkpoint, and say how it ended."""
        while True:
            try:
                process.wait(LOOK)
            except subprocess.TimeoutExpired:
                self._report()
                self._show_checkpoint()
                continue
            break
        with process:  # closes its pipe
            said = process.stderr.read().decode(errors="replace") if process.stderr else ""
        with self._lock:
            self._state = "done" if process.returncode == 0 else "stopped" if self._state == "stopping" else "failed"
            self._why = inert(said.strip().splitlines()[0][:400]) if self._state == "failed" and said.strip() else ""
        if self._state != "failed":
            self._show()
        self._report(always=True)

    def _report(self, *, always: bool = False) -> None:
        """Publish the lines of the log that are new."""
        lines = metrics.read(self._run).lines if self._run and self._run.is_dir() else ()
        fresh, self._seen = lines[self._seen :], len(lines)
        if fresh or always:
            log = [msgspec.to_builtins(line) for line, _ in fresh]
            self.publish("training", state=self._state, run=self._name(), log=log, why=self._why)

    def _show_checkpoint(self) -> None:
        """Show the run as it is at its newest checkpoint, once."""
        folder = self._run / CHECKPOINTS if self._run else None
        newest = max((path.name for path in folder.glob("step-*.json")), default="") if folder else ""
        if newest and newest != self._saved:
            self._saved = newest
            self._show()

    def _show(self) -> None:
        """Make the document of the run, and tell the pages."""
        if self._run is None:
            return
        try:
            run = load(self._run)
            made = document_of(run)
        except ConvscopeError:
            return  # a checkpoint that has just been replaced; the next one is shown
        self.show(self._name(), made, run)
        self.publish("document", id=self._name())

    def _name(self) -> str:
        """Return the name by which the page calls the run."""
        return self._run.name.lower() if self._run else ""


QUESTIONS = {"train": Start, "resume": Nothing, "stop": Nothing, "training": Nothing}
"""The questions about training, and the type of their arguments."""


def answer(trainer: Trainer, method: str, arguments: dict[str, Any]) -> bytes:
    """Answer a question about training.

    Raises:
        FieldError: the arguments are not those of the question.
        ConvscopeError: as for the methods of :class:`Trainer`.
    """
    work = {"train": trainer.start, "resume": trainer.resume, "stop": trainer.stop, "training": trainer.status}
    try:
        return msgspec.json.encode(work[method](msgspec.convert(arguments, QUESTIONS[method])))  # type: ignore[operator]
    except msgspec.ValidationError as error:
        raise FieldError(f"{method}: {error}") from None
