"""The kinds of figure, in a file of their own so that listing them loads nothing heavy."""

from __future__ import annotations

LENSES: dict[str, tuple[str, ...]] = {
    "kernels": ("layer",),
    "features": ("image", "layer"),
    "field": ("image", "layer", "at"),
    "saliency": ("image", "layer", "at", "classes"),
    "mistakes": ("image", "classes"),
}
"""The kinds of figure, and the options of each."""
