"""What there is to look at; nothing heavy is loaded for the list alone."""

from __future__ import annotations

LENSES: dict[str, tuple[str, ...]] = {
    "kernels": ("layer",),
    "features": ("image", "layer"),
    "field": ("image", "layer", "at"),
    "saliency": ("image", "layer", "at", "classes"),
    "mistakes": ("image", "classes"),
}
"""What there is to look at, and what may be asked of it."""
