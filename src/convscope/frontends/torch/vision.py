"""The models of torchvision and timm with a torch for which torchvision's compiled operators were not built.

torchvision comes with operators for one build of torch. With another build, such as the CPU-only one, they cannot be
loaded, and ``import torchvision`` fails when it registers them. Its models hardly need them: they only call ``nms`` and
``roi_align``. Here both are written with torch's own operations.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import Tensor

OPERATORS = (
    "qnms",
    "rotated_nms",
    *("roi_pool", "ps_roi_align", "ps_roi_pool", "deform_conv2d"),
    *("_roi_align_backward", "_roi_pool_backward", "_ps_roi_align_backward", "_ps_roi_pool_backward"),
    "_deform_conv2d_backward",
)
"""Other operators that torchvision registers; they are declared, and fail if a model calls them."""

BOXES = 64
"""Boxes that are sampled together: more are no faster."""

_KEPT: list[torch.library.Library] = []  # a library's definitions disappear without a reference


def mend() -> None:
    """Remove half-imported modules after torchvision's import has failed because of its operators."""
    for name in [name for name in sys.modules if name.partition(".")[0] in {"torchvision", "timm"}]:
        del sys.modules[name]
    make_importable()


def make_importable() -> None:
    """Make ``import torchvision`` and ``import timm`` work. Call it before either is imported; it is idempotent."""
    if _KEPT or "torchvision" in sys.modules or _operators_load():
        return
    library: Any = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call] # torch leaves it untyped
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.impl("nms", _nms, "CPU")
    library.define(
        "roi_align(Tensor input, Tensor rois, float spatial_scale, int pooled_height, int pooled_width, "
        "int sampling_ratio, bool aligned) -> Tensor"
    )
    for key in ("CPU", "AutogradCPU"):
        library.impl("roi_align", _roi_align, key)
    for name in OPERATORS:
        library.define(f"{name}(Tensor x) -> Tensor")
    _KEPT.append(library)
    from torchvision import extension

    for module in (extension, sys.modules["torchvision.ops.roi_align"]):  # the second uses its own name
        setattr(module, "_has_ops", lambda: True)  # noqa: B010 -- no assignment, for the type checker


def _nms(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """Return the boxes that no better-scoring one overlaps by more than ``threshold``, best first."""
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    left, kept = scores.argsort(descending=True, stable=True), []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        low, high = boxes[best, :2].maximum(boxes[left, :2]), boxes[best, 2:].minimum(boxes[left, 2:])
        common = (high - low).clamp(min=0).prod(1)
        left = left[common <= threshold * (areas[best] + areas[left] - common)]
    return torch.stack(kept) if kept else left


def _roi_align(maps: Tensor, boxes: Tensor, *rest: Any) -> Tensor:
    """Compute as torchvision's own fallback in torch, but without compiling it in each process.

    Some boxes at a time: all at once take 3 GB for a thousand of them.
    """
    compiled: Any = vars(sys.modules["torchvision.ops.roi_align"])["_roi_align"]
    return torch.cat([compiled.__wrapped__(maps, part, *rest) for part in torch.split(boxes, BOXES)])


def _operators_load() -> bool:
    """Return whether torchvision's own operators fit this torch, and load them if so."""
    found = find_spec("torchvision")
    places = (found and found.submodule_search_locations) or ()
    files = [file for place in places for file in Path(place).glob("_C*") if file.suffix in {".so", ".pyd", ".dylib"}]
    try:
        for file in files:
            torch.ops.load_library(file)  # type: ignore[no-untyped-call] # as above
    except OSError:
        return False
    return bool(files)
