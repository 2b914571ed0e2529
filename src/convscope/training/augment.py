"""Augmentation of training images: shift, rotation, zoom, shear, bend, mirroring and erasing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812 -- torch's own convention

from convscope.errors import FieldError

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from convscope.training.recipe import Recipe

GROUPS = 8
"""Number of groups in which the images of a batch are shifted: cropping a group costs as much as cropping one image."""

KNOTS = 5
"""Number of points along each axis at which a bend is drawn; it is smooth in between."""

PLANE = 4
"""Number of axes of a batch of images that have a height and a width."""


@dataclass(frozen=True)
class Augment:
    """The augmentations of a recipe; each is drawn again for every image and epoch.

    Attributes:
        shift: largest shift along each axis [pixel]; by full pixels and shared by an eighth of the batch, unless images
            are also warped.
        rotate: largest rotation in either direction [degree].
        zoom: largest change of height and of width, drawn independently, as a fraction.
        shear: largest slant [columns per row].
        bend: largest displacement of a point in a smooth random field (Simard, Steinkraus and Platt, ICDAR 2003)
            [pixel].
        flip: mirrors every image in every second epoch, starting with a random half of the images
            (Jordan, arXiv 2404.00498).
        erase: side of a square that is replaced by the mean (DeVries and Taylor, arXiv 1708.04552) [pixel].
        ground: whether pixels from outside the image are empty (0) instead of mirrored.
    """

    shift: int = 0
    rotate: float = 0.0
    zoom: float = 0.0
    shear: float = 0.0
    bend: float = 0.0
    flip: bool = False
    erase: int = 0
    ground: bool = True

    @classmethod
    def of(cls, recipe: Recipe, *, ground: bool) -> Augment:
        """The augmentations of a recipe."""
        return cls(
            recipe.shift, recipe.rotate, recipe.zoom, recipe.shear, recipe.bend, recipe.flip, recipe.erase, ground
        )

    @property
    def warps(self) -> bool:
        """Whether images are resampled at positions between pixels."""
        return any((self.rotate, self.zoom, self.shear, self.bend))

    def check(self, axes: int) -> None:
        """Check that the augmentations apply to such images.

        Args:
            axes: number of axes of a batch of images.

        Raises:
            FieldError: the images have no height and width.
        """
        if (self.warps or self.erase) and axes != PLANE:
            raise FieldError("rotate, zoom, shear, bend and erase need images with height and width")

    def padded(self, images: Tensor) -> Tensor:
        """Return images ``n c h w`` padded on all sides for shifts."""
        if not self.shift or self.warps:
            return images
        room = (self.shift, self.shift) * (images.dim() - 2)
        return F.pad(images, room) if self.ground else F.pad(images, room, mode="reflect")

    def shifted(self, images: Tensor, random: Generator) -> Tensor:
        """Crop each group of the padded images at a position of its own."""
        if not self.shift or self.warps:
            return images
        spatial = [size - 2 * self.shift for size in images.shape[2:]]
        groups = torch.chunk(images, GROUPS)
        starts = torch.randint(2 * self.shift + 1, (len(groups), len(spatial)), generator=random).tolist()
        parts = []
        for group, corner in zip(groups, starts, strict=True):
            part = group
            for axis, (start, size) in enumerate(zip(corner, spatial, strict=True), start=2):
                part = part.narrow(axis, start, size)
            parts.append(part)
        return torch.cat(parts)

    def drawn(self, count: int, random: Generator) -> tuple[Tensor, Tensor]:
        """Draw random numbers for a batch: -1 to 1 for each image's warp, 0 to 1 for its erased square."""
        warp = torch.rand(count, 6 + 2 * KNOTS**2 * bool(self.bend), generator=random) if self.warps else None
        cover = torch.rand(count, 2, generator=random) if self.erase else None
        empty = torch.empty(count, 0)
        return (empty if warp is None else 2 * warp - 1), (empty if cover is None else cover)

    def warped(self, images: Tensor, warp: Tensor) -> Tensor:
        """Resample ``n c h w``, each image by its row of random numbers; the result is float32 where it is warped."""
        if not self.warps:
            return images
        grid = self._grid(images, warp)
        edge = "zeros" if self.ground else "reflection"
        return F.grid_sample(images.float(), grid, padding_mode=edge, align_corners=False)

    def _grid(self, images: Tensor, warp: Tensor) -> Tensor:
        """Return the source position of each pixel, ``n h w 2``, where the image spans -1 to 1."""
        height, width = images.shape[2:]
        angle, slant = warp[:, 0] * math.radians(self.rotate), warp[:, 1] * self.shear
        tall, wide = 1 + warp[:, 2] * self.zoom, 1 + warp[:, 3] * self.zoom
        cos, sin = angle.cos(), angle.sin()
        theta = torch.stack(
            [
                cos / wide, (cos * slant - sin) / wide * (height / width), warp[:, 4] * (2 * self.shift / width),
                sin / tall * (width / height), (sin * slant + cos) / tall, warp[:, 5] * (2 * self.shift / height),
            ],
            dim=1,
        ).view(-1, 2, 3)  # fmt: skip
        grid = F.affine_grid(theta, [len(images), 1, height, width], align_corners=False)
        if self.bend:
            knots = warp[:, 6:].view(-1, 2, KNOTS, KNOTS)
            field = F.interpolate(knots, (height, width), mode="bicubic", align_corners=True)
            grid = grid + field.permute(0, 2, 3, 1) * (2 * self.bend / torch.tensor([width, height]).to(grid.device))
        return grid

    def covered(self, images: Tensor, cover: Tensor) -> Tensor:
        """Set a square to zero in each of ``n c h w`` images of mean 0; the border may cut it off."""
        if not self.erase:
            return images
        inside = []
        for axis, size in enumerate(images.shape[2:]):
            first = (cover[:, axis] * (size + self.erase - 1)).floor() - (self.erase - 1)
            at = torch.arange(size, device=cover.device)
            inside.append((at >= first[:, None]) & (at < first[:, None] + self.erase))
        rows, columns = inside
        return images.masked_fill_((rows[:, :, None] & columns[:, None, :]).unsqueeze(1), 0.0)
