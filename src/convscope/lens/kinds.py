"""The kinds of figure, in a file of their own so that listing them loads nothing heavy."""

from __future__ import annotations

LENSES: dict[str, tuple[str, ...]] = {
    "kernels": ("layer",),
    "features": ("image", "layer"),
    "field": ("image", "layer", "at"),
    "saliency": ("image", "layer", "at", "classes"),
    "mistakes": ("image", "classes"),
    "worst": ("top",),
    "labels": ("top", "folds"),
}
"""The kinds of figure, and the options of each."""

LISTS = ("worst", "labels")
"""The kinds that are lists of images, which can be written as a table."""
