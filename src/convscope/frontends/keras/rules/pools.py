"""Layers on maps without weights: pooling, padding, cropping, resizing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convscope.errors import ModelError
from convscope.frontends.keras.here import BeyondError
from convscope.frontends.keras.rules.acts import unchanged
from convscope.frontends.keras.settings import shown, whole
from convscope.frontends.tensors import shapes
from convscope.ops import pool
from convscope.ops.pad import Crop, Pad, Slice
from convscope.ops.resize import Resize, Upsample

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.core.op import Op
    from convscope.core.spell import Pads
    from convscope.frontends.keras.here import Here
    from convscope.frontends.tensors.values import Value

Pairs = tuple[tuple[int, int], ...]


def _on_maps(here: Here, x: Value, rank: int, op: Op) -> Value:
    return here.back(here.emit(op, here.maps(x, rank)))


def pooled(here: Here, x: Value, rank: int, kind: str) -> Value:
    """Pool by the maximum of each window, or by its mean excluding padding."""
    size = here.spread(here.settings.ints("pool_size", rank, 2))
    given = here.settings.get("strides")
    strides = size if given is None else here.spread(here.settings.ints("strides", rank))
    same = here.settings.word("padding", ("valid", "same")) == "same"
    pads: Pads = "same" if same else tuple((0, 0) for _ in size)
    op = pool.MaxPool(size, strides, pads) if kind == "max" else pool.AvgPool(size, strides, pads, count_pad=not same)
    return _on_maps(here, x, rank, op)


def _pool(rank: int, kind: str) -> Callable[..., Value]:
    return lambda here, x: pooled(here, x, rank, kind)


def _global(rank: int, stat: str) -> Callable[..., Value]:
    def rule(here: Here, x: Value) -> Value:
        if len(x.dims) != here.lead + rank + 1:
            raise ModelError(f"the input has {len(x.dims)} dimensions", expected=f"{here.lead + rank + 1} dimensions")
        start = here.lead + here.first
        keep = here.settings.flag("keepdims")
        return shapes.reduced(here.builder, x, stat, range(start, start + rank), keep=keep)

    return rule


def _adaptive(rank: int, kind: str) -> Callable[..., Value]:
    def rule(here: Here, x: Value) -> Value:
        if here.lead > 1:
            raise BeyondError
        size = here.settings.ints("output_size", rank)
        return _on_maps(here, x, rank, pool.AdaptiveMaxPool(size) if kind == "max" else pool.AdaptiveAvgPool(size))

    return rule


def _sides(here: Here, name: str, rank: int, default: int) -> Pairs:
    """Parse sizes before and after each spatial dimension, in any short form."""
    given = here.settings.get(name, default)
    one = whole(given)
    pairs = [given] if rank == 1 and one is None and len(given) == 2 and whole(given[0]) is not None else given
    pairs = [one] * rank if one is not None else pairs
    found = tuple(_pair(pair) for pair in pairs)
    if len(found) != rank or min(min(pair) for pair in found) < 0:
        raise ModelError(f"{name}={shown(given)}", expected=f"sizes before and after each of {rank} dimensions")
    return tuple([(0, 0)] * (here.lead - 1)) + found


def _pair(given: Any) -> tuple[int, int]:
    one = whole(given)
    if one is not None:
        return one, one
    before, after = (whole(side) for side in given)
    assert before is not None
    assert after is not None
    return before, after


def _zero_padding(rank: int) -> Callable[..., Value]:
    def rule(here: Here, x: Value) -> Value:
        sides = _sides(here, "padding", rank, 1)
        return _on_maps(here, x, rank, Pad(sides)) if any(map(any, sides)) else x

    return rule


def _cropping(rank: int) -> Callable[..., Value]:
    def rule(here: Here, x: Value) -> Value:
        sides = _sides(here, "cropping", rank, 1 if rank != 2 else 0)
        return _on_maps(here, x, rank, Crop(sides)) if any(map(any, sides)) else x

    return rule


def resized(here: Here, x: Value, size: tuple[int, ...], mode: str) -> Value:
    """Resize maps.

    Raises:
        BeyondError: no layer of a net computes the interpolation.
    """
    ready = here.maps(x, len(size))
    if mode == "nearest":
        return here.back(_nearest(here, ready, size))
    if mode not in {"bilinear", "bicubic"}:
        raise BeyondError
    return here.back(here.emit(Resize(size, mode), ready))


def _nearest(here: Here, ready: Value, size: tuple[int, ...]) -> Value:
    """Select the position nearest to ``(o + 1/2) * n/size``: each one repeated, or the middle one of several.

    For other sizes, the map is resized to twice the size and every second position is used: ``floor((2*o + 1) *
    n/(2*size))``.
    """
    positions = ready.shape[1:]
    if any(out % n and n % out for n, out in zip(positions, size, strict=True)):
        with here.aside():
            twice = here.emit(Resize(tuple(2 * out for out in size)), ready)
        return here.emit(Slice((2,) * len(size), (1,) * len(size)), twice)
    times = tuple(max(1, out // n) for n, out in zip(positions, size, strict=True))
    steps = tuple(max(1, n // out) for n, out in zip(positions, size, strict=True))
    if max(steps) > 1:
        ready = here.emit(Slice(steps, tuple(step // 2 for step in steps)), ready)
    return here.emit(Upsample(times), ready) if max(times) > 1 else ready


def _up_sampling(rank: int) -> Callable[..., Value]:
    def rule(here: Here, x: Value) -> Value:
        factors = here.settings.ints("size", rank, 2)
        mode = here.settings.get("interpolation", "nearest")
        if mode == "nearest":
            return _on_maps(here, x, rank, Upsample(here.spread(factors)))
        if here.lead > 1:
            raise BeyondError
        ready = here.maps(x, rank)
        return resized(here, x, tuple(n * f for n, f in zip(ready.shape[1:], factors, strict=True)), mode)

    return rule


def _resizing(here: Here, x: Value) -> Value:
    size = here.settings.whole("height"), here.settings.whole("width")
    mode = str(here.settings.get("interpolation", "bilinear")).lower()
    if here.lead > 1 or (here.settings.flag("antialias") and mode != "nearest"):
        raise BeyondError
    return resized(here, _in_shape(here, x, size), size, mode)


def _in_shape(here: Here, x: Value, size: tuple[int, int]) -> Value:
    """Crop the image to the aspect ratio of the new one, or pad it."""
    cut, add = (here.settings.flag(f"{what}_to_aspect_ratio") for what in ("crop", "pad"))
    if not cut and not add:
        return x
    ready = here.maps(x, 2)
    positions = ready.shape[1:]
    wanted = [max(1, positions[1 - at] * size[at] // size[1 - at]) for at in (0, 1)]
    spare = [(n - min(n, w)) // 2 if cut else (max(n, w) - n) // 2 for n, w in zip(positions, wanted, strict=True)]
    sides = tuple(
        (one, n - min(n, w) - one if cut else one) for one, n, w in zip(spare, positions, wanted, strict=True)
    )
    if not any(map(any, sides)):
        return x
    with here.aside():
        if cut:
            return here.back(here.emit(Crop(sides), ready))
        if here.settings.get("fill_value", 0) != 0 or here.settings.get("fill_mode", "constant") != "constant":
            raise BeyondError
        return here.back(here.emit(Pad(sides), ready))


def _center_crop(here: Here, x: Value) -> Value:
    """Crop the middle of the image; a smaller image would be enlarged, which no layer does."""
    ready = here.maps(x, 2)
    size = here.settings.whole("height"), here.settings.whole("width")
    spare = [n - out for n, out in zip(ready.shape[-2:], size, strict=True)]
    if min(spare) < 0 or here.lead > 1:
        raise BeyondError
    sides = tuple((more // 2, more - more // 2) for more in spare)
    return here.back(here.emit(Crop(sides), ready)) if any(spare) else x


def _random_crop(here: Here, x: Value) -> Value:
    """Scale the image as in inference, where nothing is random; an image of the right size is unchanged."""
    ready = here.maps(x, 2)
    if (here.settings.whole("height"), here.settings.whole("width")) != ready.shape[-2:]:
        raise BeyondError
    return unchanged(here, x)


LAYERS: dict[str, Callable[..., Any]] = {
    **{f"MaxPooling{rank}D": _pool(rank, "max") for rank in (1, 2, 3)},
    **{f"MaxPool{rank}D": _pool(rank, "max") for rank in (1, 2, 3)},
    **{f"AveragePooling{rank}D": _pool(rank, "mean") for rank in (1, 2, 3)},
    **{f"AvgPool{rank}D": _pool(rank, "mean") for rank in (1, 2, 3)},
    **{f"GlobalAveragePooling{rank}D": _global(rank, "mean") for rank in (1, 2, 3)},
    **{f"GlobalAvgPool{rank}D": _global(rank, "mean") for rank in (1, 2, 3)},
    **{f"GlobalMaxPooling{rank}D": _global(rank, "max") for rank in (1, 2, 3)},
    **{f"GlobalMaxPool{rank}D": _global(rank, "max") for rank in (1, 2, 3)},
    **{f"AdaptiveAveragePooling{rank}D": _adaptive(rank, "mean") for rank in (1, 2, 3)},
    **{f"AdaptiveMaxPooling{rank}D": _adaptive(rank, "max") for rank in (1, 2, 3)},
    **{f"ZeroPadding{rank}D": _zero_padding(rank) for rank in (1, 2, 3)},
    **{f"Cropping{rank}D": _cropping(rank) for rank in (1, 2, 3)},
    **{f"UpSampling{rank}D": _up_sampling(rank) for rank in (1, 2, 3)},
    "Resizing": _resizing,
    "CenterCrop": _center_crop,
    "RandomCrop": _random_crop,
    **dict.fromkeys(
        (
            "AugMix", "CutMix", "Equalization", "MixUp", "RandAugment", "RandomBrightness",
            "RandomColorDegeneration", "RandomColorJitter", "RandomContrast", "RandomElasticTransform", "RandomErasing",
            "RandomFlip", "RandomGaussianBlur", "RandomGrayscale", "RandomHeight", "RandomHue", "RandomInvert",
            "RandomPerspective", "RandomPosterization", "RandomRotation", "RandomSaturation", "RandomSharpness",
            "RandomShear", "RandomTranslation", "RandomWidth", "RandomZoom", "Solarization",
        ),
        unchanged,
    ),
}  # fmt: skip
"""Layers by class. Random augmentation is the identity in inference."""
