"""Data sets: the embedded MNIST, and every kind of damage found."""

import hashlib
import random
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from convscope.data import find, load
from convscope.data.idx import File, IdxFiles, file_size, parse_idx, read_idx
from convscope.errors import DataError

MNIST = find("mnist")
FILES = cast("IdxFiles", MNIST.source)
MD5 = {
    "train-images-idx3-ubyte.gz": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte.gz": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte.gz": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte.gz": "27ae3e4e09519cfbb04c329615203637",
}
"""Of the unpacked files as their makers published them."""


def test_the_embedded_files_are_the_original_ones() -> None:
    import gzip

    for file in (*FILES.train, *FILES.test):
        content = gzip.decompress((MNIST.folder / file.name).read_bytes())
        assert hashlib.md5(content).hexdigest() == MD5[file.name]  # noqa: S324 -- the published checksum
        assert len(content) == file_size(file.shape)


def test_counts_and_statistics() -> None:
    train, test = load(MNIST, "train"), load(MNIST, "test")
    assert (train.images.shape, test.images.shape) == ((60000, 1, 28, 28), (10000, 1, 28, 28))
    assert train.images.dtype == train.labels.dtype == np.uint8
    # published class counts of the training set
    assert np.bincount(train.labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert train.images.mean() / 255 == pytest.approx(MNIST.mean, abs=5e-5)
    assert train.images.std() / 255 == pytest.approx(MNIST.std, abs=5e-5)


LABELS = FILES.test[1]
PACKED = (MNIST.folder / LABELS.name).read_bytes()


def read_changed(tmp_path: Path, content: bytes) -> NDArray[np.uint8]:
    path = tmp_path / LABELS.name
    path.write_bytes(content)
    return read_idx(path, LABELS)


def test_the_undamaged_file_is_read(tmp_path: Path) -> None:
    assert read_changed(tmp_path, PACKED)[:5].tolist() == [7, 2, 1, 0, 4]


def test_every_flipped_bit_is_found(tmp_path: Path) -> None:
    draw = random.Random(0)
    for _ in range(300):
        damaged = bytearray(PACKED)
        # the first ten bytes say who packed the file and when; the content does not depend on them
        damaged[draw.randrange(10, len(damaged))] ^= 1 << draw.randrange(8)
        with pytest.raises(DataError, match="is damaged"):
            read_changed(tmp_path, bytes(damaged))


def test_every_cut_is_found(tmp_path: Path) -> None:
    draw = random.Random(1)
    for _ in range(300):
        with pytest.raises(DataError, match="is damaged"):
            read_changed(tmp_path, PACKED[: draw.randrange(len(PACKED))])


def test_files_that_somebody_else_packed_or_unpacked_are_the_same(tmp_path: Path) -> None:
    import gzip

    content = gzip.decompress(PACKED)
    assert read_changed(tmp_path, gzip.compress(content, 1))[:5].tolist() == [7, 2, 1, 0, 4]
    with pytest.raises(DataError, match="is damaged"):
        read_changed(tmp_path, gzip.compress(content[:-1] + b"\x0b", 1))
    for file in FILES.test:
        (tmp_path / file.name).unlink(missing_ok=True)
        plain = gzip.decompress((MNIST.folder / file.name).read_bytes())
        (tmp_path / file.name.removesuffix(".gz")).write_bytes(plain)
    found = load(replace(MNIST, folder=tmp_path), "test")
    assert np.array_equal(found.images, load(MNIST, "test").images)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read: No such file"):
        load(replace(MNIST, folder=tmp_path), "test")


def pack(content: bytes, tmp_path: Path) -> tuple[Path, str]:
    import gzip

    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(content))
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (bytes.fromhex("0000080100000003") + b"abc", None),
        (bytes.fromhex("0000090100000003") + b"abc", "header"),
        (bytes.fromhex("0000080100000004") + b"abc", "header"),
        (bytes.fromhex("0000080100000003") + b"ab", "unpacks to 10 bytes"),
        (bytes.fromhex("0000080100000003") + b"abc" * 1000, "unpacks to more than 11 bytes"),
        (b"", "unpacks to 0 bytes"),
    ],
    ids=["good", "kind", "count", "short", "bomb", "empty"],
)
def test_a_file_with_a_right_checksum_is_still_checked(tmp_path: Path, content: bytes, message: str | None) -> None:
    path, sha256 = pack(content, tmp_path)
    if message is None:
        assert read_idx(path, File(path.name, sha256, (3,), "")).tolist() == [97, 98, 99]
        return
    with pytest.raises(DataError, match=message):
        read_idx(path, File(path.name, sha256, (3,), ""))


def test_what_is_no_gzip_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(b"plain")
    with pytest.raises(DataError, match="not a gzip file"):
        read_idx(path, File(path.name, hashlib.sha256(b"plain").hexdigest(), (3,), ""))


def test_a_label_without_a_class_is_found() -> None:
    with pytest.raises(DataError, match="label 9"):
        load(replace(MNIST, classes=("0", "1")), "test")


def test_parse_idx_by_hand() -> None:
    content = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6])
    assert parse_idx(content, Path("x"), (2, 3)).tolist() == [[1, 2, 3], [4, 5, 6]]
