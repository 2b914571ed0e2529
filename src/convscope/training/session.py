"""One training session: train from the saved state, save checkpoints, evaluate, write the result."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save

from convscope import files
from convscope.analyze.cost import net_params
from convscope.analyze.memory import FLOAT32
from convscope.backends.device import CPU
from convscope.backends.machine import kept_memory
from convscope.backends.torch import TorchNet, weights_out
from convscope.errors import TrainingError
from convscope.progress import Progress, shown_where_watched
from convscope.training import checkpoint, environment, initial, seal
from convscope.training.callbacks import Callbacks, unheard
from convscope.training.card import card
from convscope.training.contents import CARD, MODEL
from convscope.training.evaluate import Evaluation, evaluate
from convscope.training.findings import findings
from convscope.training.lock import LOCK
from convscope.training.logs import Log, open_log
from convscope.training.loop import Trainer
from convscope.training.metrics import Metrics
from convscope.training.run import Job, Run
from convscope.training.seal import Result
from convscope.training.signals import Request, Stopped, requests
from convscope.training.validation import Validation

if TYPE_CHECKING:
    from convscope.backends.device import Device
    from convscope.data.registry import Split
    from convscope.training.checkpoint import State
    from convscope.training.distributed import Ranks

Report = Callable[[Progress], None]

APART = 1_000_003
"""Distance between the seeds of two processes."""


@dataclass(frozen=True)
class Habits:
    """Saving, logging and reporting during a run; none of it affects the result.

    Attributes:
        save_every: time between checkpoints [second].
        logs: additional logs (:mod:`convscope.training.logs`).
        report: called every few steps; None shows the progress in a terminal or a notebook.
        doubt: called with what is doubtful about the result, a sentence each; None if it is not to be reported.
        callbacks: what the user gave (:mod:`convscope.training.callbacks`).
    """

    save_every: float
    logs: tuple[str | Log, ...]
    report: Report | None
    doubt: Callable[[str], None] | None = None
    callbacks: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Session:
    """A training session: everything but the current state.

    Attributes:
        job: net, data, recipe, seed and folder.
        images: those for training and those for evaluation.
        habits: how often it saves, and where it reports.
        ranks: the data-parallel processes, of which the first writes the folder.
        device: where this process computes.
    """

    job: Job
    images: tuple[Split, Split]
    habits: Habits
    ranks: Ranks
    device: Device = CPU

    def run(self, state: State | None) -> Run:
        """Train to the end.

        Args:
            state: the state of the run; None at the start.

        Raises:
            TrainingError: the loss is not finite.
            RunError: the folder cannot be written.
            Stopped: a signal arrived; the run is saved.
        """
        with ExitStack() as stack:
            stack.enter_context(kept_memory())
            logs: list[Log] = []
            metrics = None
            if self.ranks.first:
                metrics = Metrics(self.job.path, state.step if state else 0)
                for kind in (metrics, *self.habits.logs):
                    logs.append(open_log(kind, self.job.path))
                    stack.callback(logs[-1].close)
            stack.enter_context(self.device.kept_random())  # the caller's own random state is left unchanged
            stack.enter_context(self.device.exact())
            request = stack.enter_context(requests())
            report = self.habits.report
            if report is None and self.ranks.first:
                report = stack.enter_context(shown_where_watched())
            shown = replace(self, habits=replace(self.habits, report=report))
            return shown._run(state, metrics, logs, request)  # noqa: SLF001 -- the same session, with a report

    def _run(self, state: State | None, metrics: Metrics | None, logs: list[Log], request: Request) -> Run:
        job, (learn, test) = self.job, self.images
        torch.manual_seed(job.seed)
        model = TorchNet(job.net, logits=True)
        initial.load_into(model, job.path, job.seals, FLOAT32 * net_params(job.net).value)
        if not self.ranks.first:
            torch.manual_seed(job.seed + APART * self.ranks.rank)
        trainer = Trainer(
            model,
            learn,
            job.dataset,
            job.recipe,
            seed=job.seed,
            brought=initial.has(job.seals),
            ranks=self.ranks,
            device=self.device,
        )
        validation = Validation(job, trainer)
        if state:
            trainer.restore(state)
            validation.restore(state.tensors)
        keeper = Keeper(self, trainer, validation, metrics, logs, request)
        last = trainer.run(keeper.note, keeper.between, lambda: validation.is_over or keeper.callbacks.is_over)
        validation.settle()
        result, doubt = None, self.habits.doubt or unheard
        if metrics:
            evaluation = evaluate(model, test, job.dataset)
            if not math.isfinite(evaluation.loss):
                raise TrainingError(f"the loss on the test set is {evaluation.loss}", attempt="a lower learning rate")
        keeper.stop_if_asked()
        if metrics:
            result = finish(job, model, last, evaluation, metrics)
            for log in logs:
                if log is not metrics:  # it has the result
                    log.note(_last(result))
            if keeper.callbacks.is_over:
                doubt(f"a callback ended the training at step {trainer.watch.done:,} of {trainer.steps.total:,}")
            for one in findings(evaluation, keeper.latest, trainer.steps.per_epoch):
                doubt(one)
        return Run(job.path, job.net, job.dataset, job.recipe, job.seed, self.ranks.told(result), seals=job.seals)


class Keeper:
    """Reports and saves the state of a run when it is due, or when the run is asked to stop."""

    def __init__(  # noqa: PLR0913 -- what a report needs
        self,
        session: Session,
        trainer: Trainer,
        validation: Validation,
        metrics: Metrics | None,
        logs: list[Log],
        request: Request,
    ) -> None:
        self.session: Session = session
        self.trainer: Trainer = trainer
        self.validation: Validation = validation
        self.metrics: Metrics | None = metrics
        self.logs: list[Log] = logs
        self.request: Request = request
        self.callbacks: Callbacks = Callbacks(session.habits.callbacks)
        self.last: float = time.perf_counter()
        self.latest: Progress = trainer.watch.progress()

    def note(self, progress: Progress) -> None:
        """Write and show a report; at the end of an epoch, validate."""
        found = self.validation() if progress.ends else None
        if found:
            progress = replace(progress, val_loss=found[0], val_accuracy=found[1])
        self.latest = progress
        for log in self.logs:
            log.note(_line(progress))
        if self.metrics and self.session.habits.report:
            self.session.habits.report(progress)
        self.callbacks(progress)
        if self.session.ranks.world > 1:  # all processes end together
            self.callbacks.is_over = bool(self.session.ranks.added([self.callbacks.is_over])[0])

    def between(self) -> None:
        """Save if it is due; called after every step.

        Raises:
            Stopped: the run was asked to stop.
            RunError: the checkpoint cannot be written.
        """
        due = self.metrics is not None and time.perf_counter() - self.last >= self.session.habits.save_every
        self._act(due=due)

    def stop_if_asked(self) -> None:
        """Save and stop if a signal has arrived.

        Raises:
            Stopped: a signal has arrived.
            RunError: the checkpoint cannot be written.
        """
        self._act(due=False)

    def _act(self, *, due: bool) -> None:
        """Let all processes decide alike."""
        asked = self.request.signal or 0
        if self.session.ranks.world > 1:
            others, late = self.session.ranks.added([asked, due])
            asked, due = asked or (signal.SIGTERM if others else 0), bool(late)
        if not asked and not due:
            return
        state = self.trainer.state()
        state.tensors.update(self.validation.state())
        if self.metrics:
            self.metrics.sync()
            checkpoint.write(self.session.job.path, state, self.session.job.seals)
        self.last = time.perf_counter()
        if asked:
            watch = self.trainer.watch
            raise Stopped(self.session.job.path, watch.done, watch.steps.total, asked)


def _line(progress: Progress) -> dict[str, Any]:
    return {
        "step": progress.step,
        "epoch": round(progress.epoch, 6),
        "loss": progress.loss,
        "accuracy": progress.accuracy,
        "learning_rate": progress.rate,
        "seconds": round(progress.seconds, 4),
        **({} if progress.val_loss is None else {"val_loss": progress.val_loss, "val_accuracy": progress.val_accuracy}),
    }


def _last(result: Result) -> dict[str, Any]:
    return {"result": asdict(result)}


def finish(job: Job, model: TorchNet, last: Progress, evaluation: Evaluation, metrics: Metrics) -> Result:
    """Write the result; the seal that contains it comes last."""
    weights = save(weights_out(model))
    with files.Folder(job.path) as folder:
        folder.write(MODEL, weights)
    result = Result(
        loss=evaluation.loss,
        accuracy=evaluation.accuracy,
        params=net_params(job.net).value,
        seconds=last.seconds,
        images_per_second=last.images_per_second,
        sha256={**job.seals, MODEL: files.sha256(weights)},
    )
    run = Run(job.path, job.net, job.dataset, job.recipe, job.seed, result, seals=job.seals)
    began, _, _ = environment.noted(job.path)
    with files.Folder(job.path) as folder:
        folder.write(CARD, card(run, evaluation, began).encode())
        metrics.note(_last(result))
        metrics.sync()
        seal.write(job.path, job.seals, result)
        folder.clear(checkpoint.FOLDER)
        folder.remove(LOCK)
    return result
