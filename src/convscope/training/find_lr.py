"""A learning rate for a net and its data: one sweep from a tiny rate to a large one (L. Smith, arXiv 1506.01186)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from convscope.backends import device as devices
from convscope.backends.torch import TorchNet
from convscope.data import registry
from convscope.data.objects import named
from convscope.errors import FieldError
from convscope.threads import used
from convscope.training import chosen, initial, pace
from convscope.training import recipe as recipes
from convscope.training.callbacks import unheard
from convscope.training.freezing import patterns
from convscope.training.loop import Trainer
from convscope.training.plan import check_memory, plan
from convscope.training.start import Asked
from convscope.training.sweep import Sweep, is_over

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from convscope.backends.device import Device
    from convscope.training.pace import Threads
    from convscope.training.recipe import Recipe
    from convscope.training.start import Start

STEPS = 200
"""Default number of steps in a sweep."""

LIMITS = (1e-6, 10.0)
"""Default ends of a sweep."""

MOST = 10_000
"""The most steps in a sweep."""


def find_lr(  # noqa: PLR0913 -- the settings of a run, all by keyword
    net: object = None,
    *,
    data: object = None,
    recipe: str | Recipe | None = None,
    seed: int = 0,
    batch: int | None = None,
    freeze: str | Sequence[str] = (),
    init: str = "model",
    weights: str | Path | None = None,
    scale: str | tuple[Any, Any] | None = None,
    balance: bool = False,
    input: object = None,  # noqa: A002 -- the word of the notation
    skip_bad: bool = False,
    device: str | torch.device | None = None,
    threads: Threads = None,
    steps: int = STEPS,
    limits: tuple[float, float] = LIMITS,
    prepared: Callable[[int, int], None] | None = None,
    note: Callable[[str], None] = unheard,
) -> Sweep:
    """Return a suggestion for the peak learning rate, by one sweep.

    The net is trained for some steps, each at a higher rate than the one before, by equal factors, until the loss
    is far above its lowest value. Nothing is written, and the weights are thrown away. The same seed on the same
    machine with the same number of threads gives the same sweep.

    A rate that a recipe gives to some layers alone (``muon_rate``) rises in proportion.

    Args:
        net: as for :func:`convscope.train`, like all that is not described here.
        data: as for :func:`convscope.train`.
        recipe: as for :func:`convscope.train`.
        seed: for weights, order and augmentation.
        batch: images per step.
        freeze: as for :func:`convscope.train`.
        init: as for :func:`convscope.train`.
        weights: as for :func:`convscope.train`.
        scale: as for :func:`convscope.train`.
        balance: as for :func:`convscope.train`.
        input: as for :func:`convscope.train`.
        skip_bad: as for :func:`convscope.train`.
        device: as for :func:`convscope.train`.
        threads: as for :func:`convscope.train`.
        steps: number of steps, 20 to 10,000.
        limits: the first rate and the last.
        prepared: as for :func:`convscope.train`.
        note: called with what the sweep starts from.

    Raises:
        FieldError: a setting is out of range.
        ConvscopeError: as for :func:`convscope.train`, before any step.
    """
    seed, place = recipes.checked_seed(seed), devices.find(device)
    low, high = _checked(steps, limits)
    changes: dict[str, Any] = {"data": data if data is None else named(data), "batch": batch}
    changes |= {"balance": balance or None, "freeze": patterns(freeze) or None}
    found = chosen.begin(Asked(net, input, init, weights, scale, skip_bad, seed, prepared), recipe, changes)
    for one in found.notes:
        note(one)
    check_memory(plan(found.net, found.dataset, found.recipe).memory, "training this net")
    rates = [low * (high / low) ** (at / (steps - 1)) for at in range(steps)]
    with used(pace.chosen(threads, found.net, found.recipe, place)):
        rates, losses = _swept(found, rates, seed, place)
    settings, size = found.recipe, min(found.recipe.batch, found.dataset.count("train"))
    about = str(found.net), found.dataset.name, settings.name, seed, size, settings.learning_rate
    return Sweep(tuple(rates), tuple(losses), *about)


def _checked(steps: int, limits: object) -> tuple[float, float]:
    """Return the ends of a sweep.

    Raises:
        FieldError: a setting is out of range.
    """
    if not isinstance(steps, int) or isinstance(steps, bool) or not 20 <= steps <= MOST:
        raise FieldError(f"a sweep cannot have {steps!r:.40} steps", expected=f"an integer from 20 to {MOST:,}")
    pair = tuple(limits) if isinstance(limits, tuple | list) else ()
    numbers = [one for one in pair if isinstance(one, int | float) and not isinstance(one, bool)]
    if len(pair) != 2 or len(numbers) != 2 or not 0 < numbers[0] < numbers[1] < math.inf:
        raise FieldError(f"limits = {limits!r:.60}", expected="the first and the last rate, above 0 and rising")
    return float(numbers[0]), float(numbers[1])


def _swept(begun: Start, rates: list[float], seed: int, place: Device) -> tuple[list[float], list[float]]:
    """Take the steps, and return the rates with their losses, until the loss is far above its lowest."""
    losses: list[float] = []
    with place.kept_random(), place.exact():
        torch.manual_seed(seed)
        model = TorchNet(begun.net, logits=True)
        brought = begun.tensors is not None
        if begun.tensors is not None:
            initial.fill(model, begun.tensors)
        learn = registry.load(begun.dataset, "train")
        trainer = Trainer(model, learn, begun.dataset, begun.recipe, seed=seed, brought=brought, device=place)
        model.train()
        for rate in rates:
            loss, _ = trainer.loss(*next(trainer.batches))
            losses.append(float(loss.detach()))
            if is_over(losses):
                break
            trainer.optimizers.forget()
            loss.backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
            trainer.optimizers.step(rate / begun.recipe.learning_rate)
    return rates[: len(losses)], losses
