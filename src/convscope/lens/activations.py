"""Activation functions side by side: ``cs.activations``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convscope.core.op import spelled
from convscope.errors import RunError
from convscope.inert import inert
from convscope.lens.activation_curves import FLAT, curve, op_of
from convscope.lens.activation_figure import figure_of
from convscope.lens.activation_nets import BATCH, SEEDS, WIDTH, gradients_left, layers_of, pre_activations
from convscope.training.run import Run, load
from convscope.view.parts import Column, Grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convscope.core.op import Op
    from convscope.lens.activation_curves import Curve
    from convscope.lens.activation_nets import Left, Seen
    from convscope.view.figure import Figure

DEFAULT = ("relu", "leaky_relu:0.1", "sigmoid", "tanh", "gelu", "silu", "softplus", "elu", "hardswish")


@dataclass(frozen=True)
class Activation:
    """One function.

    Attributes:
        curve: what it is.
        left: what deep nets with it leave of a gradient.
        seen: what comes to it in a trained net, layer by layer; empty where no run was given.
    """

    curve: Curve
    left: tuple[Left, ...]
    seen: tuple[Seen, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            **self.curve.to_json(),
            "gradient_left": [left.to_json() for left in self.left],
            "pre_activations": [seen.to_json() for seen in self.seen],
        }


@dataclass(frozen=True)
class Activations:
    """What :func:`activations` returns; prints itself.

    Attributes:
        functions: in the order that they were asked for.
        run: the folder of the trained net; None where none was given.
    """

    functions: tuple[Activation, ...]
    run: str | None

    def grid(self) -> Grid:
        """A row for each function."""
        right = ("default 10", "default 50", "init 10", "init 50")
        titles = ("function", "range", "derivative", "flat", *right[:2], "init", *right[2:])
        columns = tuple(Column(title, title in {"derivative", *right}) for title in titles)
        return Grid(columns, tuple(map(_row, self.functions)))

    def layers(self) -> Grid:
        """A row for each activation of the trained net."""
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
        """What the numbers are."""
        return (
            f"dead: the derivative is 0; saturated: it goes to 0 and is below {FLAT}\n"
            "default, init: |dL/dx_0| / |dL/dx_n|, the gradient left by n = 10 and 50 layers of a net\n"
            f"n*( linear {WIDTH} FUNCTION ), weights as torch has them and as init says; median of {SEEDS} seeds"
        )

    def figure(self) -> Figure:
        """The functions as small multiples."""
        return figure_of(self)

    def to_json(self) -> dict[str, Any]:
        """Plain data of schema ``convscope/activations/2``."""
        return {
            "schema": "convscope/activations/2",
            "flat_below": FLAT,
            "nets": {"width": WIDTH, "inputs": BATCH, "seeds": SEEDS},
            "run": self.run,
            "functions": [function.to_json() for function in self.functions],
        }

    def to_html(self) -> str:
        """A fragment of a page."""
        return self.figure().to_html()

    _repr_html_ = to_html

    def save(self, path: str | Path) -> Path:
        """Write the figure as ``.svg``, ``.html`` or ``.png``.

        Raises:
            WriteError: the name says none of these, or the position cannot be written.
            MissingExtraError: what draws PNGs is not installed.
        """
        return self.figure().save(path)

    def __str__(self) -> str:
        run = (f"\npre-activations of {inert(self.run)}:", self.layers().to_text()) if self.run else ()
        return "\n".join((self.grid().to_text(), self.note, *run))

    __repr__ = __str__


def _row(function: Activation) -> tuple[str, ...]:
    found, left = function.curve, [f"{entry.median:.2g}" for entry in function.left]
    return (found.name, found.span, f"{found.steepest:.3g}", found.zones, *left[:2], function.left[2].init, *left[2:])


def activations(names: str | Sequence[str] | None = None, *, run: Run | str | Path | None = None) -> Activations:
    """What activation functions are and do: curve, derivative, range, flat zones, gradient left by deep nets.

    Args:
        names: as the notation writes them, numbers after colons: ``leaky_relu:0.1``. By default nine common ones, or
            those of the run.
        run: a trained net, or its folder: what comes to its activations is counted on 500 images of its test set.

    Raises:
        UnknownNameError: there is no such function.
        FieldError: a function takes no such number.
        RunError: the run has no such function, or is damaged.
    """
    run = load(run) if isinstance(run, str | Path) else run
    given = [names] if isinstance(names, str) else names
    if run is None:
        ops = [op_of(name) for name in given or DEFAULT]
        return Activations(tuple(_measured(op, ()) for op in _once(ops)), None)
    layers = layers_of(run)
    there = {spelled(layer.node.op): layer.node.op for layer in layers}
    ops = [_there(op_of(name), there, run) for name in given] if given else list(there.values())
    seen = pre_activations(run, [layer for layer in layers if layer.node.op in ops])
    return Activations(tuple(_measured(op, seen) for op in _once(ops)), str(run.path))


def _once(ops: Sequence[Op]) -> list[Op]:
    """Each function once, in order."""
    return list({spelled(op): op for op in ops}.values())


def _there(op: Op, there: dict[str, Op], run: Run) -> Op:
    if spelled(op) not in there:
        raise RunError(f"{run.path} has no {spelled(op)}", expected=f"one of {', '.join(there)}")
    return there[spelled(op)]


def _measured(op: Op, seen: Sequence[Seen]) -> Activation:
    found = curve(op)
    return Activation(found, gradients_left(op, found), tuple(entry for entry in seen if entry.function == found.name))
