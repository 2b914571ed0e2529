"""Activation functions side by side: ``cs.activations``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convscope.core.op import spelled
from convscope.errors import RunError
from convscope.inert import inert
from convscope.lens.activation_curves import FLAT, curve, op_of
from convscope.lens.activation_gradients import BATCH, DEPTHS, SEEDS, VERSION, WIDTH, stored
from convscope.lens.activation_gradients import measure as measured
from convscope.view.parts import Column, Grid, Stack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch

    from convscope.core.op import Op
    from convscope.lens.activation_curves import Curve
    from convscope.lens.activation_gradients import Left
    from convscope.lens.activation_nets import Seen
    from convscope.training.run import Run
    from convscope.view.figure import Figure

DEFAULT = ("id", "relu", "leaky_relu:0.1", "elu", "sigmoid", "tanh", "gelu", "silu", "hardswish")

VERDICTS = {"grows": "grows", "kept": "is kept", "vanishes": "vanishes", "varies": "varies from net to net"}
"""The behaviour of the gradient in the deepest nets, as a verb."""


@dataclass(frozen=True)
class Activation:
    """One activation function.

    Attributes:
        curve: its shape.
        left: gradient attenuation in deep nets; empty if it is neither stored nor measured.
        seen: its inputs in a trained net by layer; empty without a run.
    """

    curve: Curve
    left: tuple[Left, ...]
    seen: tuple[Seen, ...]

    def by_init(self) -> list[tuple[str, list[Left]]]:
        """The attenuation, grouped by initialisation."""
        inits = dict.fromkeys(left.init for left in self.left)
        return [(init, [left for left in self.left if left.init == init]) for init in inits]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            **self.curve.to_json(),
            "gradient_left": [left.to_json() for left in self.left] or None,
            "pre_activations": [seen.to_json() for seen in self.seen],
        }


@dataclass(frozen=True)
class Activations:
    """The result of :func:`activations`; prints itself.

    Attributes:
        functions: the functions, in the requested order.
        run: the folder of the trained net, or None.
        measured: whether the gradients were measured for this result instead of read from the table.
    """

    functions: tuple[Activation, ...]
    run: str | None
    measured: bool = False

    def grid(self) -> Grid:
        """Return a table of the shapes, with a row for each function."""
        columns = (Column("function"), Column("range"), Column("largest derivative", right=True), Column("flat"))
        curves = [function.curve for function in self.functions]
        rows = tuple((one.name, one.span, f"{one.steepest:.3g}", one.zones) for one in curves)
        return Grid(columns, rows)

    def gradients(self, *, spread: bool = False) -> Grid:
        """Return a table of gradient attenuation, with a row for each function and initialisation.

        Args:
            spread: add the smallest and the largest value.
        """
        titles = ("function", "weights", *(f"gradient after {depth} layers" for depth in DEPTHS), "the gradient")
        rows = []
        for function in self.functions:
            for init, lefts in function.by_init() or [("", [])]:
                cells = [str(left) if spread else f"{left.median:.2g}" for left in lefts] or ["not stored"] * len(
                    DEPTHS
                )
                rows.append((function.curve.name, init, *cells, VERDICTS[lefts[-1].verdict] if lefts else ""))
        return Grid(tuple(Column(title, "after" in title) for title in titles), tuple(rows))

    def layers(self) -> Grid:
        """Return a table with a row for each activation of the trained net."""
        right = ("dead", "saturated", "silent")
        columns = (Column("layer"), Column("function"), *(Column(title, right=True) for title in right))
        rows = (
            (
                seen.layer,
                seen.function,
                f"{100 * seen.dead:.1f} %",
                f"{100 * seen.saturated:.1f} %",
                f"{seen.silent}/{seen.channels}",
            )
            for function in self.functions
            for seen in function.seen
        )
        return Grid(columns, tuple(rows))

    @property
    def note(self) -> str:
        """Explain the columns."""
        made = "measured" if self.measured else "stored"
        lines = [
            f"gradient after n layers: |dL/dx_0| / |dL/dx_n| in a net n*( linear {WIDTH} FUNCTION ),",
            f"median of {SEEDS} seeds, {made}; default: weights as PyTorch draws them",
        ]
        return "\n".join([*lines, *self._missing()])

    def _missing(self) -> list[str]:
        names = [function.curve.name for function in self.functions if not function.left]
        return [f"no gradients are stored for {', '.join(names)}: --measure measures them"] if names else []

    @property
    def lesson(self) -> str:
        """Summarise the gradient in the deepest net with He or Xavier weights."""
        parts = []
        for verdict, words in VERDICTS.items():
            names = [
                "id (no activation)" if function.curve.name == "id" else function.curve.name
                for function in self.functions
                if function.left and function.left[-1].verdict == verdict
            ]
            parts += [f"  {words} with {', '.join(names)}"] if names else []
        depths = {function.left[-1].depth for function in self.functions if function.left}
        return (
            "\n".join([f"With He or Xavier weights, the gradient after {max(depths)} layers", *parts]) if parts else ""
        )

    def figure(self) -> Figure:
        """Draw the functions as small multiples."""
        from convscope.lens.activation_figure import figure_of

        return figure_of(self)

    def to_json(self) -> dict[str, Any]:
        """Plain data of schema ``convscope/activations/3``."""
        return {
            "schema": "convscope/activations/3",
            "flat_below": FLAT,
            "nets": {"width": WIDTH, "inputs": BATCH, "seeds": SEEDS},
            "gradients": "measured" if self.measured else f"stored, version {VERSION}",
            "run": self.run,
            "functions": [function.to_json() for function in self.functions],
        }

    def to_html(self) -> str:
        """Return a fragment of a page."""
        return self.figure().to_html()

    _repr_html_ = to_html

    def save(self, path: str | Path) -> Path:
        """Write the figure as ``.svg``, ``.html`` or ``.png``.

        Raises:
            WriteError: the suffix is none of these, or the file cannot be written.
            MissingExtraError: the library for PNGs is not installed.
        """
        return self.figure().save(path)

    def stack(self) -> Stack:
        """Return the shapes of the functions and their gradient attenuation."""
        flat = f"dead: the derivative is zero; saturated: it tends to zero and is below {FLAT}"
        parts: list[Grid | str] = [self.grid(), flat, "", self.gradients(), self.note]
        parts += [self.lesson] if self.lesson else []
        parts += [f"\npre-activations of {inert(self.run)}:", self.layers()] if self.run else []
        return Stack(tuple(parts))

    def __str__(self) -> str:
        return self.stack().to_text()

    __repr__ = __str__


def activations(
    names: str | Sequence[str] | None = None,
    *,
    run: Run | str | Path | None = None,
    measure: bool = False,
    device: str | torch.device = "cpu",
    report: Callable[[str, int, int], None] | None = None,
) -> Activations:
    """Compare activation functions: curve, derivative, range, flat zones, gradient attenuation in deep nets.

    Args:
        names: as in the notation, with parameters after colons: ``leaky_relu:0.1``. By default, nine common ones, or
            those of the run.
        run: a trained run, or its folder: the inputs of its activations are counted on 500 images of its test set.
        measure: measure gradient attenuation instead of reading it from the table; this takes about a second for each
            function, on the CPU.
        device: where the run computes, as for :func:`convscope.train`.
        report: called before a function is measured, with its name, its position, and the number of functions.

    Raises:
        UnknownNameError: there is no such function.
        FieldError: a function does not accept such a parameter.
        RunError: the run has no such function, or is damaged.
        UnknownNameError, FieldError: this machine does not have the device.
    """
    given = [names] if isinstance(names, str) else names
    seen: tuple[Seen, ...] = ()
    path = None
    if run is None:
        ops = [op_of(name) for name in given or DEFAULT]
    else:
        ops, seen, path = _of_run(run, given, device)
    ops = _once(ops)
    made = []
    for at, op in enumerate(ops):
        if measure and report:
            report(spelled(op), at, len(ops))
        made.append(_activation(op, seen, measuring=measure))
    return Activations(tuple(made), path, measure)


def _of_run(
    run: Run | str | Path, given: Sequence[str] | None, device: str | torch.device
) -> tuple[list[Op], tuple[Seen, ...], str]:
    """Return the requested functions of a run, their inputs, and its folder."""
    from convscope.backends.device import find
    from convscope.lens.activation_nets import layers_of, pre_activations
    from convscope.training.run import load

    place, run = find(device), load(run) if isinstance(run, str | Path) else run
    layers = layers_of(run)
    there = {spelled(layer.node.op): layer.node.op for layer in layers}
    ops = [_there(op_of(name), there, run) for name in given] if given else list(there.values())
    wanted = [layer for layer in layers if layer.node.op in ops]
    return ops, pre_activations(run, wanted, place), str(run.path)


def _once(ops: Sequence[Op]) -> list[Op]:
    """Return each function once, in order."""
    return list({spelled(op): op for op in ops}.values())


def _there(op: Op, there: dict[str, Op], run: Run) -> Op:
    if spelled(op) not in there:
        raise RunError(f"{run.path} has no {spelled(op)}", expected=f"one of {', '.join(there)}")
    return there[spelled(op)]


def _activation(op: Op, seen: Sequence[Seen], *, measuring: bool) -> Activation:
    found = curve(op)
    left = measured(op, found) if measuring else stored(op)
    return Activation(found, left, tuple(entry for entry in seen if entry.function == found.name))
