"""Strokes in a photo: what is written on paper, apart from shadows, lines, edges and specks.

The background is estimated around each pixel by a morphological closing, which removes what is narrower than its window
and keeps edges of wide areas, such as shadows, sharp. What differs from it is separated by a threshold and divided
into connected components, and components that belong together are joined.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.data.components import (
    box_from,
    box_of,
    height,
    in_order,
    joined,
    longer,
    otsu,
    width,
)
from convscope.data.texture import shaped, written
from convscope.extras import missing_extra

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    Values = NDArray[np.float32]
    Box = tuple[int, int, int, int]

SIDE = 640
"""The longest side of the image in which strokes are searched; larger ones are reduced [pixel]."""

WINDOWS = (0.1, 0.2, 0.4, 0.6)
"""Sides of the window around a pixel whose extreme is the background, as shares of the shorter side of the image."""

ENOUGH = 0.6
"""The thickest stroke for which a window is wide enough, as a share of the window."""

SLIM = 0.25
"""The thinnest stroke that a window shows first, as a share of the window, unless it is the smallest window."""

CONTRAST = 0.08
"""The least difference of a stroke from its background, as a share of the background."""

NOISE = 3.0
"""The least difference of a stroke from its background, in standard deviations of the noise of a pixel."""

DIM = 48.0
"""The least background by which a difference is divided [grey levels]."""

LEAST = 0.07
"""The least height of a digit, as a share of the shorter side of the image."""

BESIDE = 0.15
"""The same of a digit that touches the edge of the image, where there are pieces of other things."""

PART = 0.4
"""The least height of a digit, as a share of the highest in the image."""

THICK = 0.65
"""The thickest a stroke can be, as a share of the longer side of the digit."""

PARTS = 5
"""The most components of a digit; what consists of more is a texture."""

THIN = 0.35
"""The thinnest stroke, as a share of the thickest one of the strongest component: one pen has written all digits."""

GRID = 0.75
"""A component that spans the image is lines below the strokes if it is weaker than this share of the strongest ink."""

MISSING = 1.25
"""Strokes of which more is in the image than was found, by this factor, need a wider window."""

ABOVE = 1.25
"""Strokes on lines are stronger than the lines by this factor, at least."""

CLEAR = 0.35
"""The least contrast of strokes that touch the edge of the image, where textures of tables end."""

APART = 0.72
"""Parts of a group are different things, such as ink and a shadow, if one has less contrast than this share."""

EDGE = 0.12
"""What is fainter than this share of the strokes does not belong to their box."""

ALONG = 0.5
"""A component that runs along the edge of the image for this share of its longer side is not a digit."""

SPANS = 0.9
"""A component that reaches across this share of both sides of the image is a grid or a frame."""


@dataclass(frozen=True)
class Strokes:
    """A group of strokes that belong together, such as a digit.

    Attributes:
        ink: ``h w``, 0 (background) to 1.
        box: top, left, bottom and right in the upright image [pixel].
        dark: whether they are darker than their background.
    """

    ink: Values = field(repr=False)
    box: Box
    dark: bool


def strokes(image: Image) -> tuple[Strokes, ...]:
    """Find groups of strokes in the order in which they are read: by lines, then from left to right.

    Args:
        image: upright, ``L``, ``RGB`` or ``RGBA``.

    Raises:
        MissingExtraError: SciPy is not installed.
    """
    try:
        from scipy import ndimage
    except ImportError:
        raise missing_extra("SciPy, which finds strokes in photos,") from None
    del ndimage
    scale = max(1, math.ceil(max(image.size) / SIDE))
    grey = tone(image.reduce(scale) if scale > 1 else image)
    found, ranks, signals = {}, {}, {}
    for dark in (True, False):
        groups, window, signal = _groups(grey if dark else 255 - grey)
        found[dark] = shaped(_plausible(groups, grey, dark=dark))
        signals[dark] = signal
        ink = sum(float(ink.sum()) for _, ink in found[dark])
        ranks[dark] = ink / window**2 * (1 - _common(found[dark], grey, dark=dark)) ** 2
    dark = max(ranks, key=ranks.__getitem__)
    found[dark] = written(found[dark], signals[dark])
    highest = max((longer(box) for box, _ in found[dark]), default=0)
    kept = [(box, ink) for box, ink in found[dark] if longer(box) >= PART * highest]
    return tuple(Strokes(ink, _scaled(box, scale, image), dark) for box, ink in in_order(kept))


def _common(found: list[tuple[Box, Values]], tone: Values, *, dark: bool) -> float:
    """Return the share of the rest of the image that is as dark, or as light, as the strokes; large for paper."""
    mine = np.zeros(tone.shape, bool)
    for box, ink in found:
        mine[box[0] : box[2], box[1] : box[3]] |= ink > 0.5
    if not mine.any():
        return 0.0
    own, rest = float(np.median(tone[mine])), tone[~mine]
    return float((rest < own + 10 if dark else rest > own - 10).mean())


def _plausible(found: list[tuple[Box, Values]], tone: Values, *, dark: bool) -> list[tuple[Box, Values]]:
    """Keep what differs from the wider surroundings, too; the paper between two dark strokes does not."""
    kept = []
    for box, ink in found:
        more = longer(box) // 2
        around = tone[max(0, box[0] - more) : box[2] + more, max(0, box[1] - more) : box[3] + more]
        own = float(np.median(tone[box[0] : box[2], box[1] : box[3]][ink > 0.5]))
        ground = float(np.median(around))
        share = (ground - own) / max(ground, DIM) if dark else (own - ground) / max(255 - ground, DIM)
        if share > CONTRAST:
            kept.append((box, ink))
    return kept


def _scaled(box: Box, scale: int, image: Image) -> Box:
    return scale * box[0], scale * box[1], min(image.height, scale * box[2]), min(image.width, scale * box[3])


def tone(image: Image) -> Values:
    """Return the channel in which strokes differ most: grey, or one colour if it shows twice as much as grey."""
    if image.mode == "RGBA":
        return _on_other(image)
    grey = np.asarray(image.convert("L"), dtype=np.float32)
    if image.mode != "RGB":
        return grey
    channels = np.asarray(image, dtype=np.float32).transpose(2, 0, 1)
    spread = [_spread(channel) for channel in (grey, *channels)]
    best = int(np.argmax(spread))
    return channels[best - 1] if best and spread[best] > 1.5 * spread[0] else grey


def _on_other(image: Image) -> Values:
    """Return the strokes of a transparent image on white if they are dark, on black if they are light."""
    values = np.asarray(image, dtype=np.float32)
    grey, alpha = values[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32), values[..., 3] / 255
    mean = float((grey * alpha).sum() / max(float(alpha.sum()), 1.0))
    return np.asarray(grey * alpha + (255 if mean < 128 else 0) * (1 - alpha), dtype=np.float32)


def _spread(channel: Values) -> float:
    """Return how much details differ from their surroundings: a high quantile of the local contrast."""
    from scipy import ndimage

    smooth = ndimage.gaussian_filter(channel, 1.0)
    size = max(3, int(0.1 * min(channel.shape)))
    return float(np.quantile(np.abs(smooth - ndimage.uniform_filter(channel, size)), 0.98))


def _groups(value: Values) -> tuple[list[tuple[Box, Values]], float, Values]:
    """Return boxes and ink of what is darker than its surroundings, with the smallest window that is wide enough.

    The window and the signal that it gives are returned, too.
    """
    best: list[tuple[Box, Values]] = []
    least, chosen, best_signal = math.inf, 1.0, value
    for share in WINDOWS:
        signal = _signal(value, share)
        found, thickest = _digits(signal)
        used = thickest / max(3, share * min(value.shape))
        if used < SLIM and share > WINDOWS[0]:
            continue  # a stroke as thin as that stands out in a smaller window; the window cut off a corner
        enough = bool(found) and used < ENOUGH
        if found and (used < least or enough):
            best, least, chosen, best_signal = found, used, share, signal
        if enough and not _lost(value, found):
            break
    return best, chosen, best_signal


def _lost(value: Values, found: list[tuple[Box, Values]]) -> bool:
    """Return whether parts of the strokes are missing, as they are wider than the window."""
    from scipy import ndimage

    mine = np.zeros(value.shape, bool)
    for box, ink in found:
        mine[box[0] : box[2], box[1] : box[3]] |= ink > 0.5
    ring = ndimage.binary_dilation(mine, iterations=4) & ~ndimage.binary_dilation(mine, iterations=2)
    if not mine.any() or not ring.any():
        return False
    level = (float(np.median(value[mine])) + float(np.median(value[ring]))) / 2
    named, _ = ndimage.label(value < level)
    sizes, known = np.bincount(named.ravel()), np.bincount(named[mine], minlength=int(named.max()) + 1)
    least = np.where(np.isin(np.arange(len(sizes)), _rim(named)), 0.2, 0.05)  # what reaches the rim may be a shadow
    parts = np.flatnonzero((known > least * sizes) & (np.arange(len(sizes)) > 0))
    return bool(len(parts)) and float(sizes[parts].sum()) > MISSING * float(known[parts].sum())


def _signal(value: Values, share: float) -> Values:
    """Return by how much each pixel is darker than the background around it, as a share of that; 0 for noise."""
    from scipy import ndimage

    small = min(value.shape)
    large = small >= 64
    smooth = ndimage.gaussian_filter(value, 1.0) if large else value
    grain = 1.4826 * float(np.median(np.abs(value - smooth))) if large else 0.0
    window = max(3, int(share * small) | 1)
    darker = ndimage.grey_closing(smooth, (window, window)) - smooth
    signal = darker / np.maximum(darker + smooth, DIM)
    signal[(darker < NOISE * grain) | (signal < CONTRAST)] = 0
    return np.asarray(signal, dtype=np.float32)


def _digits(signal: Values) -> tuple[list[tuple[Box, Values]], float]:
    """Return boxes and ink of the groups of strokes, and the width of the thickest stroke; none if none stands out."""
    from scipy import ndimage

    found: list[tuple[Box, Values]] = []
    level = thickest = lines = 0.0
    while not found:
        strong = signal[signal > level]
        if strong.size < 2:
            break
        level = max(0.5 * otsu(strong), 1.05 * level)
        named, _ = ndimage.label(signal > level, np.ones((3, 3)))
        boxes = [box_from(part) for part in ndimage.find_objects(named)]
        kept, thickest = _kept(named, boxes, signal, ABOVE * lines)
        below, lines = lines, _grid(named, boxes, signal)
        if not lines:
            groups = [(names, box) for names, box in joined(kept, boxes) if len(names) <= PARTS]
            found = [_cut(named, names, signal, box, thickest, ABOVE * below) for names, box in groups]
            break
    return found, thickest


def _grid(named: NDArray[np.int32], boxes: list[Box], signal: Values) -> float:
    """Return the contrast of lines below the strokes that connect them; 0 if there are none."""
    peak = float(np.quantile(signal[named > 0], 0.99))
    spanning = (float(np.median(signal[named == at])) for at, box in enumerate(boxes, 1) if _spans(box, signal.shape))
    return max((middle for middle in spanning if middle < GRID * peak), default=0.0)


def _spans(box: Box, shape: tuple[int, ...]) -> bool:
    return height(box) >= SPANS * shape[0] and width(box) >= SPANS * shape[1]


def _kept(named: NDArray[np.int32], boxes: list[Box], signal: Values, least: float) -> tuple[list[int], float]:
    """Return the numbers of components that may be parts of digits, and the width of their thickest stroke."""
    from scipy import ndimage

    every = range(1, len(boxes) + 1)
    sizes = ndimage.sum_labels(np.ones_like(signal), named, every)
    means = ndimage.mean(signal, named, every)
    if not boxes:
        return [], 0.0
    corners = {int(named[y, x]) for y in (0, -1) for x in (0, -1)}
    runs = _along_edges(named, len(boxes))
    found = {}
    for at in every:
        box, length = boxes[at - 1], longer(boxes[at - 1])
        if (
            length < (BESIDE if runs[at - 1] else LEAST) * min(signal.shape)
            or at in corners
            or _spans(box, signal.shape)
        ):
            continue
        if runs[at - 1] > ALONG * length or means[at - 1] < (CLEAR if runs[at - 1] else least):
            continue
        mine = np.pad(named[box[0] : box[2], box[1] : box[3]] == at, 1)
        thick = 2 * float(ndimage.distance_transform_edt(mine).max()) - 1
        if thick <= THICK * length:
            found[at] = thick
    ink = {at: means[at - 1] * sizes[at - 1] for at in found}
    strongest = max(ink, key=ink.__getitem__, default=0)
    found = {at: thick for at, thick in found.items() if ink[at] >= 0.02 * ink[strongest]}
    found = {at: thick for at, thick in found.items() if thick >= THIN * found[strongest]}
    return list(found), max(found.values(), default=0.0)


def _rim(values: NDArray[Any]) -> NDArray[Any]:
    """Return the values along the edges of the image."""
    return np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])


def _along_edges(named: NDArray[np.int32], count: int) -> list[int]:
    """Return for each component the most pixels of one edge of the image that it contains."""
    edges = [named[0], named[-1], named[:, 0], named[:, -1]]
    found: NDArray[np.int64] = np.stack([np.bincount(edge, minlength=count + 1)[1:] for edge in edges]).max(0)
    return [int(run) for run in found]


def _cut(  # noqa: PLR0913 -- the facts of a group
    named: NDArray[np.int32], names: list[int], signal: Values, box: Box, thickest: float, least: float
) -> tuple[Box, Values]:
    """Return the strokes of a group, 0 to 1, and their box; the soft edge of strokes is kept."""
    from scipy import ndimage

    soft = max(1, round(thickest / 3))
    top, left = max(0, box[0] - soft), max(0, box[1] - soft)
    rows, columns = slice(top, box[2] + soft), slice(left, box[3] + soft)
    mine = np.isin(named[rows, columns], names)
    values = signal[rows, columns]
    values = np.where(mine | (values > least), values, 0)
    level = otsu(values[mine])
    upper, lower = values[mine & (values > level)], values[mine & (values <= level)]
    if upper.size > 0.1 * mine.sum() and lower.size and float(np.median(lower)) < APART * float(np.median(upper)):
        mine &= values > level
    others = ndimage.binary_dilation((named[rows, columns] > 0) & ~mine) & ~mine
    near = ndimage.binary_dilation(mine, np.ones((3, 3)), iterations=soft) & ~others
    full = float(np.quantile(values[mine], 0.8))
    ink = np.asarray(np.clip(np.where(near, values, 0) / full, 0, 1), dtype=np.float32)
    inner = box_of(ink > EDGE)
    cut = ink[inner[0] : inner[2], inner[1] : inner[3]]
    return (top + inner[0], left + inner[1], top + inner[2], left + inner[3]), cut
