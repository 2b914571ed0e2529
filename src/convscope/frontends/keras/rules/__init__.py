"""Rules for Keras classes, by Keras's own names: each converts a class to layers of a net.

A rule takes the context (:class:`~convscope.frontends.keras.here.Here`) and the arguments of the layer, and returns a
tensor, or several.
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
"""Rules of layers by class."""


def rule_of(spec: Spec) -> Callable[..., Any] | None:
    """Return the rule of a layer; None if there is none, or the class is not Keras's own."""
    if not spec.ours:
        return None
    return (operations.OPERATIONS if spec.operation else LAYERS).get(spec.kind)
