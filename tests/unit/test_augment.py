"""Images are moved, turned, bent, mirrored and covered as a recipe says."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from convscope.data import DATASETS, Split
from convscope.errors import FieldError
from convscope.training.augment import Augment
from convscope.training.batches import Batches

PLAIN = replace(DATASETS["mnist"], mean=0.0, std=1 / 255)
"""Images keep their numbers."""


def turned(image: torch.Tensor, augment: Augment, *numbers: float) -> torch.Tensor:
    """One image ``h w`` by a row of numbers: turn, slant, height, width, move right, move down."""
    row = torch.tensor([numbers + (0.0,) * (6 - len(numbers))])
    return augment.warped(image[None, None], row)[0, 0]


def image(height: int = 7, width: int = 7) -> torch.Tensor:
    return torch.arange(height * width, dtype=torch.float32).reshape(height, width)


def test_a_quarter_turn_is_numpys() -> None:
    found = turned(image(), Augment(rotate=90), 1.0)
    assert torch.allclose(found, torch.from_numpy(np.rot90(image().numpy(), 1).copy()), atol=1e-3)
    back = turned(found, Augment(rotate=90), -1.0)
    assert torch.allclose(back, image(), atol=1e-3)


def test_a_turn_keeps_lengths_where_sides_differ() -> None:
    wide = torch.zeros(9, 21)
    wide[4, 6:15] = 1.0  # nine pixels along the width
    found = turned(wide, Augment(rotate=90), 1.0)
    assert found[:, 10].round().tolist() == [1.0] * 9  # nine pixels along the height
    assert found.sum() == pytest.approx(9, abs=1e-3)


def test_moves_are_in_pixels_and_bring_in_ground() -> None:
    found = turned(image(5, 9), Augment(rotate=1e-9, shift=2), 0, 0, 0, 0, 1.0, -1.0)
    expected = torch.zeros(5, 9)
    expected[2:, :7] = image(5, 9)[:3, 2:]
    assert torch.allclose(found, expected, atol=1e-3)
    mirrored = turned(image(5, 9), Augment(rotate=1e-9, shift=2, ground=False), 0, 0, 0, 0, 1.0, 0)
    assert torch.allclose(mirrored[:, 7:], image(5, 9)[:, [8, 7]], atol=1e-3)


def test_a_zoom_of_a_half_halves_sides() -> None:
    flat = torch.zeros(8, 8)
    flat[2:6, 2:6] = 1.0
    assert turned(flat, Augment(zoom=0.5), 0, 0, 1.0, 1.0).sum() == pytest.approx(36, abs=1)
    assert turned(flat, Augment(zoom=0.5), 0, 0, -0.5, -0.5).sum() == pytest.approx(9, abs=1)


def test_a_slant_moves_rows_against_each_other() -> None:
    line = torch.zeros(9, 9)
    line[:, 4] = 1.0
    found = turned(line, Augment(shear=0.5), 0, 1.0)
    assert [float((row * torch.arange(9)).sum()) for row in found] == pytest.approx(
        [6.0, 5.5, 5.0, 4.5, 4.0, 3.5, 3.0, 2.5, 2.0], abs=1e-3
    )


def test_a_bend_moves_no_point_farther_than_it_says() -> None:
    augment = Augment(bend=2.0)
    warp, _ = augment.drawn(50, torch.Generator().manual_seed(1))
    still = Augment(rotate=1e-9)._grid(torch.zeros(50, 1, 20, 30), torch.zeros(50, 6))
    moved = augment._grid(torch.zeros(50, 1, 20, 30), torch.cat([torch.zeros(50, 6), warp[:, 6:]], 1))
    pixels = (moved - still) * torch.tensor([30, 20]) / 2
    assert 1.5 < pixels.abs().max() < 2.0 * 1.35  # the cubic between two points can pass them by a third
    steps = pixels.diff(dim=1).abs().max()
    # smooth: points 19 / 4 rows apart differ by 4 pixels at most, and a cubic is at most 1.5 times as steep
    assert steps < 1.5 * 4 / (19 / 4)


def stream(augment: Augment, count: int = 40, **other: Any) -> Batches:
    images = np.random.default_rng(0).integers(1, 255, (count, 1, 6, 6), dtype=np.uint8)
    split = Split(images, np.arange(count, dtype=np.uint8))
    return Batches(split, PLAIN, augment=augment, **{"batch": count, "seed": 4, **other})


def test_each_image_is_mirrored_in_every_second_epoch() -> None:
    images = stream(Augment()).images.float()
    batches, mirrored = stream(Augment(flip=True)), []
    for _ in range(4):
        x, labels = next(batches)
        same, other = ((x == one[labels]).flatten(1).all(1) for one in (images, images.flip(-1)))
        assert bool((same ^ other).all())
        mirrored.append({int(label) for label in labels[other]})
    assert mirrored[0] == mirrored[2]
    assert mirrored[1] == mirrored[3] == set(range(40)) - mirrored[0]
    assert 10 < len(mirrored[0]) < 30


def test_what_is_covered_is_a_square_or_part_of_one_at_the_border() -> None:
    sizes = set()
    for _ in range(5):
        x, _ = next(stream(Augment(erase=3), seed=_))
        for one in x[:, 0] == 0:
            rows, columns = one.any(1), one.any(0)
            assert torch.equal(one, rows[:, None] & columns[None])
            sizes.add((int(rows.sum()), int(columns.sum())))
    assert sizes == {(h, w) for h in (1, 2, 3) for w in (1, 2, 3)}


def test_turning_needs_height_and_width() -> None:
    split = Split(np.zeros((4, 1, 9), np.uint8), np.zeros(4, np.uint8))
    with pytest.raises(FieldError, match="height and width"):
        Batches(split, PLAIN, batch=2, augment=Augment(rotate=5), seed=0)


def test_what_is_drawn_is_the_same_alone_and_in_parts() -> None:
    """Two processes, each with its half of every batch, see what one process sees."""
    from convscope.training.distributed import Ranks

    augment = Augment(shift=1, rotate=10, bend=1, flip=True, erase=2)
    whole, _ = next(stream(augment))
    parts = [next(stream(augment, ranks=Ranks(rank, 2)))[0] for rank in (0, 1)]
    assert torch.equal(torch.cat(parts), whole)
