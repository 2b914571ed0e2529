"""Data sets of torchvision: its own reader on the files of MNIST gives what ours gives."""

import gzip
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from convscope.data import DATASETS, Split, find, load
from convscope.errors import DataError, UnknownNameError

pytestmark = [
    pytest.mark.peer,
    pytest.mark.slow,
    pytest.mark.skipif(not find_spec("torchvision"), reason="torchvision is not installed"),
]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def digits(*splits: Split) -> list[tuple[bytes, int]]:
    """Images with their labels, in an order of their own."""
    return sorted(
        (sha256(image.tobytes()).digest(), int(label))
        for split in splits
        for image, label in zip(split.images, split.labels, strict=True)
    )


def test_torchvision_reads_the_same_digits(own_cache: Path) -> None:
    raw = own_cache / "torchvision" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for path in find("mnist").folder.glob("*.gz"):
        (raw / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    data = find("torchvision:MNIST")
    assert (data.name, data.shape) == ("torchvision,28x28x1:MNIST", (1, 28, 28))
    assert data.count("train") + data.count("val") == 60000
    assert data.mean == pytest.approx(load(data, "train").images.mean(dtype=float) / 255, abs=5e-5)
    ours, theirs = load(DATASETS["mnist"], "test"), load(data, "test")
    assert np.array_equal(ours.images, theirs.images)
    assert np.array_equal(ours.labels, theirs.labels)
    assert digits(load(DATASETS["mnist"], "train")) == digits(load(data, "train"), load(data, "val"))
    assert find("torchvision:MNIST") == data


def test_torchvision_has_no_such_set() -> None:
    with pytest.raises(UnknownNameError, match="CIFR10"):
        find("torchvision:CIFR10")
    with pytest.raises(DataError, match="no splits"):
        find("torchvision:ImageFolder")
