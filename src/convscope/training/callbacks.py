"""What a program of the user does while a net is trained; it may end the training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convscope.errors import FieldError
from convscope.inert import inert

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convscope.progress import Progress

HOOKS = ("on_step", "on_epoch", "on_validation")
"""The methods of a callback; a function is called like ``on_step``."""


def checked(given: Any) -> tuple[Any, ...]:
    """Return callbacks, one or several, after a check of what they are.

    Raises:
        FieldError: one of them is neither a function nor has any of the methods.
    """
    found = tuple(given) if isinstance(given, list | tuple) else (given,)
    for one in found:
        if not callable(one) and not any(callable(getattr(one, hook, None)) for hook in HOOKS):
            raise FieldError(
                f"a callback cannot be {inert(type(one).__name__)}",
                expected=f"a function, or an object with some of {', '.join(HOOKS)}",
            )
    return found


class Callbacks:
    """Calls what a user gave: every few steps, at the end of each epoch, and after each validation.

    Args:
        given: functions, or objects with any of the methods :data:`HOOKS`. Each gets the progress; one that returns
            True ends the training after that step.

    Raises:
        FieldError: one of them is something else.

    >>> from convscope.progress import Progress
    >>> found = Callbacks([lambda progress: progress.loss < 0.1])
    >>> found(Progress(1, 9, 0.1, 0.5, 0.9, 0.01, 1.0, 10)), found.is_over
    (None, False)
    >>> found(Progress(2, 9, 0.2, 0.05, 0.9, 0.01, 1.0, 20)), found.is_over
    (None, True)
    """

    def __init__(self, given: Sequence[Any]) -> None:
        self.given: tuple[Any, ...] = checked(given)
        self.is_over: bool = False

    def __call__(self, progress: Progress) -> None:
        """Call those whose moment it is."""
        due = {"on_step": True, "on_epoch": progress.ends, "on_validation": progress.val_loss is not None}
        for one in self.given:
            named = [hook for hook in HOOKS if callable(getattr(one, hook, None))]
            for act in [getattr(one, hook) for hook in named if due[hook]] if named else [one]:
                self.is_over = _is_true(act(progress)) or self.is_over


def _is_true(found: Any) -> bool:
    """Return whether a callback asks for the end: by True, or by that of NumPy or torch, which comparisons give.

    >>> import numpy as np
    >>> _is_true(np.float64(0.5) < 1), _is_true(None), _is_true("yes")
    (True, False, False)
    """
    return found is True or (getattr(found, "shape", None) == () and "bool" in str(found.dtype) and bool(found))


def unheard(_: str) -> None:
    """Do nothing with a note, where a caller does not ask for notes."""
