"""Training from the page: one run at a time, in a process of its own, which is watched by its files.

The process is ``convscope train``, so a run from the page is a run as any other: it is saved, can be stopped, resumed
and repeated, and survives the server. A page chooses among data sets and numbers; it names no file.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Annotated, Any

import msgspec

from convscope.data import DATASETS
from convscope.errors import ConvscopeError, FieldError, MachineError, machine, unknown
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

LONGEST = 2**16
"""What is read of the words of a process that failed [byte]."""

ERROR = re.compile(r"\w+Error: ")
"""How a line begins that says what is wrong; warnings may come before it."""


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


@dataclass(eq=False)
class Training:
    """A training that was begun; each has its own state, so that the end of one never touches the next.

    Attributes:
        run: the folder of its run.
        process: trains.
        said: what the process says of errors. It is a file: a pipe that is not read, or whose reader is gone, would
            stop the training.
        state: ``running``, ``stopping``, ``stopped``, ``done`` or ``failed``.
        why: why it failed, or cannot be shown.
        seen: number of lines of the log that were reported.
        shown: the newest checkpoint that was shown.
    """

    run: Path
    process: subprocess.Popen[bytes]
    said: IO[bytes]
    state: str = "running"
    why: str = ""
    seen: int = 0
    shown: str = ""

    @property
    def name(self) -> str:
        """The name by which the page calls the run."""
        return self.run.name.lower()

    @property
    def is_on(self) -> bool:
        """Whether it has not ended, or its end has not been noticed."""
        return self.state in {"running", "stopping"}

    def log(self) -> list[Any]:
        """Return the log so far."""
        return [msgspec.to_builtins(line) for line, _ in metrics.read(self.run).lines]

    def newest(self) -> str:
        """Return the name of the newest checkpoint; empty without one."""
        return max((path.name for path in (self.run / CHECKPOINTS).glob("step-*.json")), default="")

    def fault(self) -> str:
        """Return what the process said of its end, in a line."""
        self.said.seek(0)
        lines = [line for line in self.said.read(LONGEST).decode(errors="replace").splitlines() if line.strip()]
        found = next((line for line in lines if ERROR.match(line)), lines[-1] if lines else "")
        return inert(found.strip()[:400]) or f"its process ended with status {self.process.returncode}"


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
    _last: Training | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def start(self, asked: Start) -> dict[str, Any]:
        """Begin a training.

        Raises:
            MachineError: one is running, or no process can be started.
            UnknownNameError: there is no such data set.
            NotationError: the net cannot be read.
        """
        if asked.data not in DATASETS:
            raise unknown("data set", asked.data, DATASETS)
        net = text.read(asked.notation, source="<page>")
        with self._lock:
            self._refuse_a_second()
            run = self._free(f"{asked.data}-page-seed{asked.seed}")
            words = ["-", "--data", asked.data, "--epochs", f"{asked.epochs:g}", "--seed", str(asked.seed)]
            return self._begin(run, [*words, "--out", str(self.out), "--name", run.name], text.write(net))

    def resume(self, asked: Nothing) -> dict[str, Any]:  # noqa: ARG002 -- as all questions
        """Resume the training that was stopped.

        Raises:
            MachineError: one is running, or no process can be started.
            FieldError: there is none to resume.
        """
        with self._lock:
            self._refuse_a_second()
            if self._last is None or self._last.state != "stopped":
                raise FieldError("there is no training to resume")
            return self._begin(self._last.run, ["--resume", str(self._last.run)])

    def stop(self, asked: Nothing) -> dict[str, Any]:  # noqa: ARG002 -- as all questions
        """Stop the training after its step; it is saved, and can be resumed."""
        with self._lock:
            last = self._last
            if last is not None and last.is_on and last.process.poll() is None:
                last.state = "stopping"
                last.process.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM))
        return self.status(Nothing())

    def status(self, asked: Nothing) -> dict[str, Any]:  # noqa: ARG002 -- as all questions
        """Return the state of the training, and its log so far."""
        with self._lock:
            last = self._last
            if last is None:
                told: dict[str, Any] = {"state": "idle", "run": "", "log": [], "why": ""}
            else:
                told = {"state": last.state, "run": last.name, "log": last.log(), "why": last.why}
        return {**told, "data": list(DATASETS)}

    def end(self) -> None:
        """Stop the training, as the server ends; its checkpoint stays."""
        self.stop(Nothing())
        if self._last is not None:
            try:
                self._last.process.wait(20)
            except subprocess.TimeoutExpired:
                self._last.process.kill()

    def _refuse_a_second(self) -> None:
        if self._last is not None and self._last.is_on:
            raise MachineError("a training is running already", attempt="stop it first")

    def _free(self, name: str) -> Path:
        """Return a folder that does not exist."""
        number = 1
        while (found := self.out / (name if number == 1 else f"{name}-{number}")).exists():
            number += 1
        return found

    def _begin(self, run: Path, words: list[str], given: str = "") -> dict[str, Any]:
        """Start the process, and a thread that watches it; what is given can be longer than an argument may be."""
        try:
            with ExitStack() as files:
                said, net = files.enter_context(TemporaryFile()), files.enter_context(TemporaryFile())
                net.write(given.encode())
                net.seek(0)
                process = started([*words, "--save-every", str(SAVE), "--quiet", "--no-report"], net, said)
                net.close()
                files.pop_all()
        except OSError as error:  # the disk is full, or there are too many processes
            raise machine(error) or error from None
        self._last = Training(run, process, said)
        threading.Thread(target=self._watch, args=(self._last,), name="convscope-training", daemon=True).start()
        return self.status(Nothing())

    def _watch(self, one: Training) -> None:
        """Report new lines of the log, show each checkpoint, and say how it ended."""
        while True:
            try:
                one.process.wait(LOOK)
            except subprocess.TimeoutExpired:
                self._look(one)
                continue
            break
        code, asked = one.process.returncode, one.state == "stopping"
        state = "done" if code == 0 else "stopped" if asked else "failed"
        why = one.fault() if state == "failed" else self._show(one)
        one.said.close()
        with self._lock:
            one.state = "failed" if why and state == "stopped" else state  # what was not saved cannot be resumed
            one.why = why
        self._report(one, always=True)

    def _look(self, one: Training) -> None:
        """Report what is new while it trains."""
        self._report(one)
        newest = one.newest()
        if newest and newest != one.shown:
            one.shown = newest
            self._show(one)  # a checkpoint that has just been replaced is no matter: the next one is shown

    def _report(self, one: Training, *, always: bool = False) -> None:
        """Publish the lines of the log that are new."""
        log = one.log()
        fresh, one.seen = log[one.seen :], len(log)
        if fresh or always:
            self.publish("training", state=one.state, run=one.name, log=fresh, why=one.why)

    def _show(self, one: Training) -> str:
        """Make the document of the run, and tell the pages; return why that cannot be, otherwise nothing."""
        try:
            run = load(one.run)
            self.show(one.name, document_of(run), run)
        except ConvscopeError as error:
            return inert(f"{type(error).__name__}: {error.what}")
        except (MemoryError, OSError, RuntimeError) as error:  # the training goes on, and so does its watch
            return inert(f"{type(error).__name__}: {error}"[:400])
        self.publish("document", id=one.name)
        return ""


def started(words: list[str], given: IO[bytes], said: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start ``convscope train``.

    Raises:
        OSError: the system starts no more processes.
    """
    return subprocess.Popen(  # noqa: S603 -- ourselves
        [sys.executable, "-m", "convscope", "train", *words],
        stdin=given,
        stdout=subprocess.DEVNULL,
        stderr=said,
        start_new_session=os.name != "nt",  # Ctrl-C ends the server, which then asks the training to stop
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )


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
