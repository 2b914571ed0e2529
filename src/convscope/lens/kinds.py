"""The kinds of figure; nothing heavy is loaded for the list alone."""

from __future__ import annotations

LENSES: dict[str, tuple[str, ...]] = {
    "kernels": ("layer",),
    "features": ("image", "layer"),
    "field": ("image", "layer", "at"),
    "saliency": ("image", "layer", "at", "classes"),
    "mistakes": ("image", "classes"),
}
"""The kinds of figure, and the options of each."""
