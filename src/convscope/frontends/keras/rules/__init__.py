"""What each class of Keras is, in layers of a net: one rule for each class, by Keras's own name.

A rule takes what is known here (:class:`~convscope.frontends.keras.here.Here`) and what the layer is called with, and
returns a tensor, or several.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convscope.frontends.keras.rules import acts, attention, convs, merges, norms, operations, pools, recurrent, views
from convscope.frontends.keras.rules.old import OLD

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.frontends.keras.spec import Spec

LAYERS: dict[str, Callable[..., Any]] = {
    **convs.LAYERS,
    **pools.LAYERS,
    **norms.LAYERS,
    **acts.LAYERS,
    **views.LAYERS,
    **merges.LAYERS,
    **attention.LAYERS,
    **recurrent.LAYERS,
    **OLD,
}
"""Layers by class."""


def rule_of(spec: Spec) -> Callable[..., Any] | None:
    """The rule of a layer; None where there is none, or where the class is not Keras's own."""
    if not spec.ours:
        return None
    return (operations.OPERATIONS if spec.operation else LAYERS).get(spec.kind)
