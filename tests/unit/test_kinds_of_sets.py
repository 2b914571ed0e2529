"""One set in every encoding: the same images, classes and splits, and weights that are equal bit for bit."""

import csv
import io
import json
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image

from convscope.cli import run as command
from convscope.data import Dataset, find, load
from convscope.data.kinds import Kind, kind_of_path, kinds
from convscope.data.spelled import Spelled
from convscope.data.taken import Item, Taken
from convscope.errors import DataError, UnknownNameError

DRAW = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Three classes of ten images each, easy to learn, without splits."""
    for at, label in enumerate(("cat", "dog", "elk")):
        (tmp_path / "pets" / label).mkdir(parents=True)
        for number in range(10):
            pixels = DRAW.integers(0, 60, (12, 12, 3), dtype=np.uint8)
            pixels[..., at] += 180
            Image.fromarray(pixels).save(tmp_path / "pets" / label / f"{number}.png")
    return tmp_path / "pets"


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of a folder, by its path in it."""
    for path in sorted(folder.rglob("*.*")):
        yield path.relative_to(folder).as_posix(), path.read_bytes()


def zipped(folder: Path, out: Path, root: str = "") -> str:
    with zipfile.ZipFile(out / "pets.zip", "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files(folder):
            made.writestr(root + name, content)
    return str(out / "pets.zip")


def zipped_below_a_folder(folder: Path, out: Path) -> str:
    return f"zip:{zipped(folder, out, 'my pets/')}"


def with_metadata(folder: Path, out: Path, form: str = "csv") -> str:
    shutil.copytree(folder, out / "flat")
    rows = [(name, name.partition("/")[0]) for name, _ in files(folder)]
    if form == "csv":
        with (out / "flat" / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("file_name", "label"), *reversed(rows)])
    else:
        lines = [json.dumps({"file_name": name, "label": label, "text": "a pet"}) for name, label in rows]
        (out / "flat" / "metadata.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return f"folder:{out / 'flat'}"


def with_json(folder: Path, out: Path) -> str:
    return with_metadata(folder, out, "jsonl")


def with_metadata_zipped(folder: Path, out: Path) -> str:
    with_metadata(folder, out)
    return zipped(out / "flat", out, "root/")


def table(folder: Path, out: Path) -> str:
    with (out / "pets.csv").open("w", encoding="utf-8-sig", newline="") as file:
        found = csv.writer(file, delimiter=";")
        found.writerow(("nr", "Image", "kind"))
        found.writerows((at, f"./{name}", name.partition("/")[0]) for at, (name, _) in enumerate(files(folder)))
    for label in ("cat", "dog", "elk"):
        shutil.copytree(folder / label, out / label)
    return f"csv,label=kind:{out / 'pets.csv'}"


def bare_table(folder: Path, out: Path) -> str:
    rows = "".join(f"{out / name},{name.partition('/')[0]}\n" for name, _ in files(folder))
    (out / "bare.csv").write_text(rows, encoding="utf-8")
    for label in ("cat", "dog", "elk"):
        shutil.copytree(folder / label, out / label)
    return str(out / "bare.csv")


def tarred(folder: Path, out: Path) -> str:
    with tarfile.open(out / "pets.tar", "w", format=tarfile.GNU_FORMAT) as made:
        made.add(folder, "./" + "a" * 120)
    return str(out / "pets.tar")


def tarred_and_packed(folder: Path, out: Path) -> str:
    with tarfile.open(out / "pets.tar.gz", "w:gz", format=tarfile.PAX_FORMAT) as made:
        made.add(folder, "größe" * 40)
    return str(out / "pets.tar.gz")


def add(made: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    made.addfile(info, io.BytesIO(content))


def shards(folder: Path, out: Path, end: str = "cls") -> str:
    (out / "shards").mkdir()
    rows = [*files(folder)]
    for at in range(2):
        with tarfile.open(out / "shards" / f"{at:05}.tar", "w") as made:
            for name, content in rows[at::2]:
                label, key = name.partition("/")[0], name.removesuffix(".png")
                add(made, name, content)
                add(made, f"{key}.{end}", label.encode() if end == "cls" else json.dumps({"label": label}).encode())
    return f"tar:{out / 'shards'}"


def shards_with_json(folder: Path, out: Path) -> str:
    return shards(folder, out, "json")


def parquet(folder: Path, out: Path) -> str:
    """One file as `datasets` writes it: images as structs, labels as numbers of classes that its description names."""
    rows = [({"bytes": content, "path": name}, name.partition("/")[0]) for name, content in files(folder)]
    names = sorted({label for _, label in rows})
    labels = pyarrow.array([names.index(label) for _, label in rows], pyarrow.int64())
    features = {"image": {"_type": "Image"}, "nr": {"_type": "Value"}, "kind": {"names": names, "_type": "ClassLabel"}}
    made = pyarrow.table({"image": [image for image, _ in rows], "nr": range(len(rows)), "kind": labels})
    made = made.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pyarrow.parquet.write_table(made, out / "pets.parquet", row_group_size=11)
    return str(out / "pets.parquet")


def plain_parquet(folder: Path, out: Path) -> str:
    """Bytes and words, in two files, whose paths are distinct."""
    (out / "set").mkdir()
    rows = [*files(folder)]
    for at in range(2):
        images = [{"bytes": content, "path": name} for name, content in rows[at::2]]
        table = pyarrow.table({"picture": images, "label": [name.partition("/")[0] for name, _ in rows[at::2]]})
        pyarrow.parquet.write_table(table, out / "set" / f"{at}.parquet", compression="zstd")
    return f"parquet:{out / 'set'}"


ENCODINGS: list[Callable[[Path, Path], str]] = [
    zipped,
    zipped_below_a_folder,
    with_metadata,
    with_json,
    with_metadata_zipped,
    table,
    bare_table,
    tarred,
    tarred_and_packed,
    shards,
    shards_with_json,
    parquet,
    plain_parquet,
]


def same(found: Dataset, true: Dataset) -> None:
    """Both sets hold the same images in the same order."""
    assert (found.classes, found.shape, found.counts) == (true.classes, true.shape, true.counts)
    assert (found.mean, found.std) == (true.mean, true.std)
    for split in true.splits:
        mine, other = load(found, split), load(true, split)
        assert np.array_equal(mine.images, other.images)
        assert mine.labels.tolist() == other.labels.tolist()
        assert mine.names == other.names


@pytest.mark.parametrize("encoded", ENCODINGS, ids=lambda made: made.__name__)
def test_every_encoding_holds_what_the_folder_holds(
    encoded: Callable[[Path, Path], str], pets: Path, tmp_path: Path
) -> None:
    true = find(f"folder:{pets}")
    (tmp_path / "out").mkdir()
    found = find(encoded(pets, tmp_path / "out"))
    same(found, true)
    same(find(found.name), true)  # the name says everything
    smaller = find(found.name.replace("12x12x3", "8x8x1"))
    same(smaller, find(f"folder,8x8x1:{pets}"))


def test_a_path_says_what_it_is(pets: Path, tmp_path: Path) -> None:
    assert find(str(pets)).name == f"folder,12x12x3:{pets}"
    assert kind_of_path("no/pets.zip") == "zip"
    with pytest.raises(DataError, match="No such file"):
        find(str(tmp_path / "none.zip"))
    (tmp_path / "notes.txt").write_text("x", encoding="utf-8")
    with pytest.raises(DataError, match="is not a data set") as caught:
        find(str(tmp_path / "notes.txt"))
    assert ".zip" in caught.value.expected
    with pytest.raises(UnknownNameError, match="there is no data set"):
        find("petz")


def test_every_encoding_trains_to_the_same_weights(
    pets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net = "input 12x12x3, conv 8 3x3 s2 relu, gap, linear 3"
    (tmp_path / "out").mkdir()
    weights = []
    made = (zipped, table, tarred, shards, parquet, with_json)
    for at, data in enumerate((f"folder:{pets}", *(encoded(pets, tmp_path / "out") for encoded in made))):
        given = [
            net,
            "--data",
            data,
            "--epochs",
            "2",
            "--batch",
            "8",
            "--name",
            f"r{at}",
            "--out",
            str(tmp_path / "runs"),
        ]
        status = command(["train", *given, "--quiet", "--no-report"])
        assert status == 0, capsys.readouterr().err
        weights.append((tmp_path / "runs" / f"r{at}" / "model.safetensors").read_bytes())
    assert len(set(weights)) == 1


def test_findings_are_those_of_a_folder(pets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    for split, numbers in (("train", range(7)), ("test", range(6, 10))):
        for label in ("cat", "dog", "elk"):
            (out / split / label).mkdir(parents=True)
            for number in numbers:  # image 6 is in both splits
                shutil.copy(pets / label / f"{number}.png", out / split / label)
    shutil.copy(out / "train" / "cat" / "0.png", out / "train" / "dog" / "other.png")  # a conflict
    (out / "train" / "elk" / "torn.png").write_bytes((pets / "elk" / "1.png").read_bytes()[:-9])
    (out / "train" / "owl").mkdir()
    (out / "train" / "owl" / "IMG.heic").write_bytes(b"x")
    Image.new("RGB", (12, 12), "red").save(out / "test" / "elk" / "red.png")
    texts = []
    for name in (f"folder:{out}", zipped(out, tmp_path)):
        status = command(["data", "check", name, "--json"])
        assert status == 1
        found = json.loads(capsys.readouterr().out)
        texts.append({key: value for key, value in found.items() if key != "data"})
    assert texts[0] == texts[1]
    assert texts[0]["bad"] == {"train/elk/torn.png": "is truncated"}
    assert len(texts[0]["leaks"]) == 3
    assert len(texts[0]["conflicts"]) == 1
    assert texts[0]["left_out"] == {"owl": {".heic": 1}}
    assert texts[0]["empty"] == ["owl"]
    assert texts[0]["blank"] == ["test test/elk/red.png (elk)"]


def test_findings_of_a_table(pets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [(f"{label}/{at}.png", label) for label in ("cat", "dog", "elk") for at in range(10)]
    rows += [("cat/0.png", "cat"), ("cat/1.png", "dog"), ("gone.png", "cat"), ("cat/11.png", "")]
    shutil.copy(pets / "cat" / "0.png", pets / "cat" / "11.png")
    shutil.copy(pets / "cat" / "2.png", pets / "cat" / "12.png")
    text = "file_name,label\n" + "".join(f"{name},{label}\n" for name, label in rows)
    (pets / "metadata.csv").write_text(text, encoding="utf-8")
    assert command(["data", "check", str(pets), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["bad"] == {
        "row 32": "names cat/0.png again",
        "row 33": "names cat/1.png again, as cat and dog",
        "metadata.csv, row 34": "names gone.png, which is not there",
        "cat/11.png": "has no label in row 35",
    }
    assert found["left_out"] == {"without a label": {".png": 1}}
    (pets / "metadata.csv").rename(pets / "t.csv")
    assert command(["data", "check", str(pets / "t.csv"), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["bad"]["gone.png"] == "does not exist"
    with pytest.raises(DataError, match="4 files that cannot be used"):
        find(str(pets / "t.csv"))


def bare_tar(folder: Path, out: Path) -> str:
    with tarfile.open(out / "pets.tar", "w") as made:
        made.add(folder, ".")
    return str(out / "pets.tar")


@pytest.mark.parametrize(("make", "suffix"), [(parquet, "parquet"), (bare_tar, "tar"), (tarred, "tar")])
def test_folders_of_splits_hold_shards(
    pets: Path, tmp_path: Path, make: Callable[[Path, Path], str], suffix: str
) -> None:
    """The hub of Hugging Face keeps ``train/0000.parquet`` and ``test/0000.parquet``."""
    made = Path(make(pets, tmp_path))
    assert made.parent == tmp_path
    for split in ("train", "test"):
        (tmp_path / "set" / "default" / split).mkdir(parents=True)
        shutil.copy(made, tmp_path / "set" / "default" / split / f"0000.{suffix}")
    found, whole = find(f"{suffix}:{tmp_path / 'set'}"), find(str(made))
    every = sum(whole.counts.values())
    assert found.count("test") == every == found.count("train") + found.counts.get("val", 0)


def test_splits_of_a_table(pets: Path) -> None:
    rows = [
        f"{label}/{at}.png\t{label}\t{('Training', 'valid', 'test')[min(at // 4, 2)]}"
        for label in ("cat", "dog") for at in range(10)
    ]  # fmt: skip
    (pets / "t.tsv").write_text("path\tclass\tUsage\n" + "\n".join(rows) + "\n\n", encoding="utf-16")
    found = find(str(pets / "t.tsv"))
    assert found.counts == {"train": 8, "val": 8, "test": 4}
    assert load(found, "test").names == ("cat/8.png", "cat/9.png", "dog/8.png", "dog/9.png")
    (pets / "t.tsv").write_text("path\tclass\tset\n" + "\n".join(rows).replace("valid", ""), encoding="utf-8")
    with pytest.raises(DataError, match="images without a split"):
        find(str(pets / "t.tsv"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no column"),
        (b"a,b,c,d\n1,2,3,4\n", "has no column"),
        (b"path,label\n1.png\n", "row 2 has 1 cells"),
        (b"path,label\n\xff\xfe\xfa,cat\n", "not text in UTF-8"),
        (b'path,label\n"1.png,cat\n', "is not a table"),
        (b"path,label\n" + b"x" * (1 << 21), "a line of more than"),
        (b"path,label\n" + b'"\n",' * (1 << 20), "more than"),
        (b"path,label\n\0,\0\n", "cannot be used|no images"),
        (b"path,label\n/dev/zero,cat\n../../../../../dev/zero,dog\n", "no images|cannot be used"),
    ],
)
def test_a_table_that_is_none_is_one_clear_error(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        find(f"csv:{tmp_path / 't.csv'}")


class Point:
    """An entry point of another package."""

    def __init__(self, name: str, loaded: object) -> None:
        self.name, self.value, self.loaded = name, f"mine:{name}", loaded

    def load(self) -> object:
        if isinstance(self.loaded, Exception):
            raise self.loaded
        return self.loaded


def test_a_package_adds_a_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = [DRAW.integers(0, 256, (1, 8, 8), dtype=np.uint8) for _ in range(10)]

    def take(wanted: Spelled) -> Taken:
        assert wanted.path == str(tmp_path / "a.mine")
        return Taken([Item(str(at), "", "ab"[at % 2], partial(images.__getitem__, at)) for at in range(10)])

    points = [
        Point("mine", Kind("mine", "PATH", "mine", take=take)),
        Point("zip", None),
        Point("broken", ImportError("no module")),
        Point("odd", 3),
    ]
    monkeypatch.setattr("convscope.data.kinds.entry_points", lambda **_: points)
    kinds.cache_clear()
    try:
        (tmp_path / "a.mine").write_bytes(b"x")
        found = find(f"mine:{tmp_path / 'a.mine'}")
        assert (found.classes, found.counts, found.shape) == (("a", "b"), {"train": 8, "test": 2}, (1, 8, 8))
        with pytest.raises(DataError, match="cannot be loaded: no module"):
            find("broken:x")
        with pytest.raises(DataError, match="is int"):
            find("odd:x")
        assert kinds()["zip"].take  # ours is kept
    finally:
        kinds.cache_clear()


def test_kinds_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["list", "data"]) == 0
    text = capsys.readouterr().out
    assert all(f"{name}:" in text for name in kinds())


def test_a_name_of_metadata_leads_nowhere(pets: Path, tmp_path: Path) -> None:
    shutil.copy(pets / "cat" / "0.png", tmp_path / "secret.png")
    rows = "".join(f"{label}/{at}.png,{label}\n" for label in ("cat", "dog") for at in range(4))
    (pets / "metadata.csv").write_text(f"file_name,label\n{rows}../secret.png,cat\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        find(str(pets))
    assert "../secret.png, which is not there" in caught.value.given


def test_hostile_archives(pets: Path, tmp_path: Path) -> None:
    good = [(name, content) for name, content in files(pets) if "elk" not in name]

    def made(*more: tuple[str | zipfile.ZipInfo, bytes], cut: int | None = None) -> str:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in [*good, *more]:
                archive.writestr(name, content, zipfile.ZIP_DEFLATED)
        (tmp_path / "a.zip").write_bytes(file.getvalue()[:cut])
        return str(tmp_path / "a.zip")

    image = good[0][1]
    link = zipfile.ZipInfo("cat/link.png")
    link.external_attr = 0o120777 << 16
    for more, why in (
        (("../../out.png", image), "leads out of the archive"),
        (("/out.png", image), "leads out of the archive"),
        (("C:\\out.png", image), "leads out of the archive"),
        (("cat/" + "a/" * 70 + "1.png", image), "has a name that is too long"),
        ((link, b"/etc/passwd"), "is a link"),
        (("cat/zeros.png", bytes(1 << 26)), "too many for its"),
    ):
        with pytest.raises(DataError) as caught:
            find(made(more))
        assert why in caught.value.given
        assert not [*tmp_path.glob("**/out.png")]
    for cut in (10, 100, -10):
        with pytest.raises(DataError, match="not a zip archive"):
            find(made(cut=cut))
    (tmp_path / "b.zip").write_bytes(b"not a zip")
    with pytest.raises(DataError, match="not a zip archive"):
        find(str(tmp_path / "b.zip"))
