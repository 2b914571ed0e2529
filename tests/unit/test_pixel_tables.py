"""Tables of pixels: a label and the values of an image in each row."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convscope.data import find, load
from convscope.errors import DataError

DRAW = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "cache"))


IMAGES = DRAW.integers(0, 256, (40, 28, 28), dtype=np.uint8)
LABELS = np.arange(40) % 12


def table(
    path: Path,
    *,
    images: Any = IMAGES,
    labels: Any = LABELS,
    header: bool,
    last: bool = False,
    name: str = "label",
) -> str:
    rows = []
    names = [f"pixel{at}" for at in range(images[0].size)]
    if header:
        rows.append(",".join([*names, name] if last else [name, *names]))
    for image, label in zip(images, labels, strict=True):
        cells = [str(value) for value in image.reshape(-1).tolist()]
        rows.append(",".join([*cells, str(label)] if last else [str(label), *cells]))
    path.write_text("\r\n".join(rows) + "\n", encoding="utf-8-sig" if last else "utf-8")
    return str(path)


@pytest.mark.parametrize(("header", "last"), [(False, False), (True, False), (True, True)])
def test_rows_are_the_images_of_an_npz(tmp_path: Path, *, header: bool, last: bool) -> None:
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=LABELS)
    true, found = find(str(tmp_path / "a.npz")), find(table(tmp_path / "a.csv", header=header, last=last))
    assert (found.classes, found.shape, found.counts) == (true.classes, true.shape, true.counts)
    assert (found.mean, found.std) == (true.mean, true.std)
    for split in ("train", "test"):
        assert np.array_equal(load(found, split).images, load(true, split).images)
        assert np.array_equal(load(found, split).labels, load(true, split).labels)
    assert find(found.name) == found


@pytest.mark.parametrize("name", ["label", "digit", "what it is"])
@pytest.mark.parametrize("last", [False, True])
def test_the_column_of_labels_is_the_one_that_is_called_otherwise(tmp_path: Path, name: str, *, last: bool) -> None:
    found = find(table(tmp_path / "a.csv", header=True, last=last, name=name))
    assert found.classes == tuple(map(str, range(12)))


def test_a_table_without_labels_is_an_error(tmp_path: Path) -> None:
    for name in ("id", "pixel900"):
        with pytest.raises(DataError, match="no column that is known to hold labels"):
            find(table(tmp_path / "a.csv", header=True, name=name))
    with pytest.raises(DataError, match='no column "kind"'):
        find(f"csv,label=kind:{table(tmp_path / 'a.csv', header=True)}")


@pytest.mark.parametrize("corner", [None, 0])
def test_labels_in_the_last_column_need_no_header(tmp_path: Path, corner: int | None) -> None:
    """As in the digits of the UCI repository; a corner of the images is often black."""
    images = IMAGES.copy()
    if corner is not None:
        images[:, 0, 0] = corner
    found = find(table(tmp_path / "a.csv", images=images, header=False, last=True))
    assert found.classes == tuple(map(str, range(12)))
    true = find(table(tmp_path / "b.csv", images=images, header=True, last=True))
    assert np.array_equal(load(found, "train").images, load(true, "train").images)


def test_labels_with_gaps_in_the_first_column_stay_labels(tmp_path: Path) -> None:
    found = find(table(tmp_path / "a.csv", labels=LABELS * 3, header=False))
    assert found.classes == tuple(str(3 * at) for at in range(12))


def test_files_of_splits_colours_and_names(tmp_path: Path) -> None:
    images = DRAW.integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)
    names = ["ant", "bee"] * 6
    (tmp_path / "set").mkdir()
    for split in ("train", "test"):
        table(tmp_path / "set" / f"bugs_{split}.csv", images=images, labels=names, header=True)
    found = find(f"csv:{tmp_path / 'set'}")
    assert (found.shape, found.classes, found.counts) == ((3, 8, 8), ("ant", "bee"), {"train": 12, "test": 12})
    assert np.array_equal(load(found, "test").images, images.transpose(0, 3, 1, 2))
    (tmp_path / "set" / "more.csv").write_text("x", encoding="utf-8")
    with pytest.raises(DataError, match=r"more\.csv, which names none"):
        find(f"csv:{tmp_path / 'set'}")


def test_folders_of_splits_hold_tables(tmp_path: Path) -> None:
    for split, count in (("train", 40), ("val", 24), ("test", 12)):
        (tmp_path / "set" / split).mkdir(parents=True)
        table(tmp_path / "set" / split / "0.csv", images=IMAGES[:count], labels=LABELS[:count], header=True)
    found = find(f"csv:{tmp_path / 'set'}")
    assert found.counts == {"train": 40, "val": 24, "test": 12}
    assert load(found, "test").names[0] != load(found, "train").names[0]
    (tmp_path / "set" / "train" / "0.csv").unlink()
    with pytest.raises(DataError, match="files for splits, and none for training"):
        find(f"csv:{tmp_path / 'set'}")


def test_integers_that_are_written_as_floats_are_integers(tmp_path: Path) -> None:
    floats = IMAGES.astype(float)
    found = find(table(tmp_path / "a.csv", images=floats, labels=LABELS.astype(float), header=True))
    assert found.classes == tuple(map(str, range(12)))
    assert found == find(table(tmp_path / "a.csv", header=True))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: [rows[0], rows[1].rpartition(",")[0], *rows[2:]], "row 2 is not a label and 784 pixels"),
        (lambda rows: [*rows[:5], rows[5].partition(",")[2], *rows[6:]], "row 6 is not a label and 784 pixels"),
        (lambda rows: [rows[0].replace(",7,", ",-7,"), *rows[1:]], "integers of 0 to 255"),
        (lambda rows: [*rows, "1" + ",256" * 784], "integers of 0 to 255"),
        (lambda rows: [*rows, "1" + ",99999999999" * 784], "integers of 0 to 255"),
        (lambda rows: [*rows, "1" + ",0.5" * 784], "integers of 0 to 255"),
        (lambda rows: [*rows, "1" + ",nan" * 784], "integers of 0 to 255"),
        (lambda rows: [*rows, "" + ",1" * 784], "row 41 is not a label"),
        (lambda rows: [row + ",1" for row in rows], "rows of 785 pixels"),
        (lambda rows: [*rows, "1," + "2" * (1 << 21)], "a line of more than"),
    ],
)
def test_rows_that_are_none_are_named(change: Any, message: str, tmp_path: Path) -> None:
    table(tmp_path / "a.csv", header=False)
    rows = (tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "a.csv").write_text("\n".join(change(rows)), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        find(str(tmp_path / "a.csv"))
