"""Archives and tables that claim more than they are end in one clear error, in bounded memory and time."""

import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image

import convscope as cs
from convscope.data import find, load
from convscope.data.pages import _Struct, pages_of
from convscope.data.parts import Reader
from convscope.errors import DataError, LimitError
from faults.limits import refused

pytestmark = pytest.mark.faults


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "cache"))


def image(red: int, blue: int = 0, side: int = 8) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (side, side), (red, 0, blue)).save(file, "PNG")
    return file.getvalue()


IMAGES = {f"{label}/{at}.png": image(20 * at, blue) for label, blue in (("ant", 0), ("bee", 200)) for at in range(5)}


def tar(path: Path, *more: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w") as made:
        for name, content in IMAGES.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
        for info, content in more:
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize(
    ("info", "why"),
    [
        (member("../out.png"), "leads out of the archive"),
        (member("/out.png"), "leads out of the archive"),
        (member("ant/" + "a/" * 70 + "1.png"), "has a name that is too long"),
        (member("ant/0.png"), "is in the archive twice"),
        (member("ant/link.png", tarfile.SYMTYPE, "/etc/passwd"), "is a link"),
        (member("ant/hard.png", tarfile.LNKTYPE, "ant/0.png"), "is a link"),
        (member("ant/dev.png", tarfile.CHRTYPE), "is not a file"),
        (member("ant/pipe.png", tarfile.FIFOTYPE), "is not a file"),
    ],
)
def test_members_of_a_tar_that_are_no_images_of_it(info: tarfile.TarInfo, why: str, tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar", (info, b"" if info.type != tarfile.REGTYPE else image(1)))
    with pytest.raises(DataError) as caught:
        find(str(path))
    assert why in caught.value.given
    assert find(f"tar,skip_bad:{path}").counts == {"train": 8, "test": 2}
    assert not [*tmp_path.rglob("out.png")]
    assert not [*tmp_path.parent.glob("out.png")]


def changed(content: bytes, at: int, new: bytes) -> bytes:
    """A header of a tar with other bytes at a position, and a right checksum."""
    block = bytearray(content[:512])
    block[at : at + len(new)] = new
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + content[512:]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:700],
        lambda content: content[:100],
        lambda _: b"",
        lambda _: b"x" * 5000,
        lambda content: content[:3] + b"?" + content[4:],
        lambda content: changed(content, 124, b"77777777777\0"),
        lambda content: changed(content, 124, b"\x80" + b"\xff" * 11),
        lambda content: changed(content, 124, b"\xff" * 12),
        lambda content: changed(changed(content, 156, b"x"), 124, b"00000000144\0"),
        lambda content: changed(changed(content, 156, b"L"), 124, b"00007000000\0") + bytes(1 << 21),
    ],
)
def test_a_damaged_tar_is_one_clear_error(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    content = tar(tmp_path / "a.tar").read_bytes()
    (tmp_path / "a.tar").write_bytes(damage(content))
    with pytest.raises(DataError, match="tar"):
        find(f"tar:{tmp_path / 'a.tar'}")


def test_a_packed_tar_unpacks_to_no_more_than_it_can_hold(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    with gzip.open(path, "wb", compresslevel=9) as out:
        out.write(tar(tmp_path / "a.tar").read_bytes()[:-1024])
        for _ in range(300):
            out.write(bytes(1 << 20))
    error = refused(lambda: find(str(path)))
    assert isinstance(error, LimitError)
    assert "a.tar.gz" in error.what
    (tmp_path / "b.tar.gz").write_bytes(gzip.compress(tar(tmp_path / "b.tar").read_bytes())[:-20])
    with pytest.raises(DataError, match="damaged"):
        find(str(tmp_path / "b.tar.gz"))


def test_every_flip_of_a_zip_and_a_tar_ends_in_a_set_or_in_our_error(tmp_path: Path) -> None:
    tar(tmp_path / "a.tar")
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in IMAGES.items():
            made.writestr(name, content)
    draw = np.random.default_rng(0)
    for name in ("a.tar", "a.zip"):
        whole = (tmp_path / name).read_bytes()
        for _ in range(40):
            flipped = bytearray(whole)
            flipped[draw.integers(len(flipped))] ^= 1 << draw.integers(8)
            (tmp_path / name).write_bytes(bytes(flipped))
            try:
                assert sum(find(f"{name[2:]},skip_bad:{tmp_path / name}").counts.values()) <= 10
            except (DataError, LimitError) as error:
                assert str(tmp_path) in error.what  # noqa: PT017 -- either is right


def test_overlapping_members_of_a_zip_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in IMAGES.items():
            made.writestr(name, content)
        noise = np.random.default_rng(0).bytes(5000)
        made.writestr("ant/x.png", noise)
        for at in range(20):  # the central directory names one member many times
            again = zipfile.ZipInfo(f"ant/x{at}.png")
            info = made.getinfo("ant/x.png")
            again.header_offset, again.compress_size, again.file_size = info.header_offset, info.compress_size, 5000
            again.CRC, again.compress_type = info.CRC, info.compress_type
            made.filelist.append(again)
    with pytest.raises(DataError, match="members overlap"):
        find(str(tmp_path / "a.zip"))


def written(path: Path, **options: object) -> Path:
    rows = [{"bytes": content, "path": name} for name, content in IMAGES.items()]
    table = pyarrow.table({"image": rows, "label": [name[:3] for name in IMAGES]})
    pyarrow.parquet.write_table(table, path, **options)
    return path


def varint(value: int) -> bytes:
    found = b""
    while value > 127:
        found += bytes([value & 127 | 128])
        value >>= 7
    return found + bytes([value])


def test_pages_are_walked_as_the_library_describes_them(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", data_page_size=64, use_dictionary=False, compression="zstd")
    metadata = pyarrow.parquet.ParquetFile(path).metadata.row_group(0)
    reader = Reader.of(path)
    for at in range(metadata.num_columns):
        column = metadata.column(at)
        pages = pages_of(reader, column.data_page_offset, column.total_compressed_size)
        assert pages.largest <= pages.total < column.total_uncompressed_size
    reader.close()


@pytest.mark.parametrize("claim", [2**20, 2**30, 2**31 - 1])
@pytest.mark.parametrize("form", ["zstd", "snappy", "gzip"])
def test_a_page_that_lies_about_its_size_ends_in_our_error(form: str, claim: int, tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", compression=form, use_dictionary=False)
    content = path.read_bytes()
    at = pyarrow.parquet.ParquetFile(path).metadata.row_group(0).column(0).data_page_offset
    header = _Struct(content[at:])
    true = header.fields()
    start = at + content[at : at + 60].index(b"\x15" + varint(2 * true[2]) + b"\x15" + varint(2 * true[3]))
    size = 2 + len(varint(2 * true[2])) + len(varint(2 * true[3]))
    more = len(varint(2 * claim)) - len(varint(2 * true[2]))
    lie = b"\x15" + varint(2 * claim) + b"\x15" + varint(2 * (true[3] - more))
    end = at + header.at + true[3]  # of the page, which is shorter by as many bytes as its header is longer
    made = content[:start] + lie + content[start + size : end - more] + content[end:]
    assert len(made) == len(content)
    (tmp_path / "b.parquet").write_bytes(made)
    error = refused(lambda: find(str(tmp_path / "b.parquet")))
    assert isinstance(error, LimitError if claim > 2**28 else DataError)
    assert "b.parquet" in error.what


def test_rows_that_repeat_one_large_image_are_unpacked_some_at_a_time(tmp_path: Path) -> None:
    """A dictionary of two images, and 20,000 rows that name them in a kilobyte."""
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    at = pyarrow.array(np.zeros(20_000, np.int32))
    images = pyarrow.DictionaryArray.from_arrays(at, pyarrow.array([file.getvalue(), image(3)], pyarrow.binary()))
    labels = pyarrow.DictionaryArray.from_arrays(at, pyarrow.array(["ant", "bee"]))
    table = pyarrow.table({"image": images, "label": labels})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet", compression="zstd", store_schema=False)
    assert (tmp_path / "a.parquet").stat().st_size < 200_000
    assert isinstance(refused(lambda: find(str(tmp_path / "a.parquet"))), LimitError)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"label": ["a", "b"]}, "no column"),
        ({"image": [b"", b""]}, "no column"),
        ({"image": [b"x", b"y"], "label": ["a", "b"]}, "no image of the class a left"),
        ({"image": [None, b"y"], "label": ["a", None]}, "cannot be used|no images"),
        ({"image": ["x.png", "y.png"], "label": ["a", "b"]}, "no column|does not contain"),
        ({"image": [b"x", b"y"], "a": [1, 2], "b": [1, 2]}, "no column"),
    ],
)
def test_tables_without_images_say_so(columns: dict[str, list[object]], message: str, tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=message):
        find(str(tmp_path / "a.parquet"))


def test_cuts_and_flips_of_parquet_end_in_a_set_or_in_our_error(tmp_path: Path) -> None:
    whole = written(tmp_path / "a.parquet", compression="zstd").read_bytes()
    draw = np.random.default_rng(1)
    for at in range(60):
        content = bytearray(whole)
        if at % 3:
            content[draw.integers(len(content))] ^= 1 << draw.integers(8)
        else:
            del content[draw.integers(len(content)) :]
        (tmp_path / "b.parquet").write_bytes(bytes(content))
        try:
            find(f"parquet,skip_bad:{tmp_path / 'b.parquet'}")
        except (DataError, LimitError) as error:
            assert "b.parquet" in error.what  # noqa: PT017 -- either is right


def test_labels_beyond_the_names_and_splits_by_file(tmp_path: Path) -> None:
    features = {"label": {"names": ["ant", "bee"], "_type": "ClassLabel"}}
    for split in ("train", "test"):
        labels = pyarrow.array([*[0, 1] * 5, 2, -1], pyarrow.int64())
        table = pyarrow.table({"image": [*IMAGES.values(), image(7), image(8)], "label": labels})
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
        (tmp_path / "data").mkdir(exist_ok=True)
        pyarrow.parquet.write_table(table, tmp_path / "data" / f"{split}-00000-of-00001.parquet")
    with pytest.raises(DataError, match="4 files that cannot be used") as caught:
        find(f"parquet:{tmp_path}")
    assert "train-00000-of-00001/00000010 has no label" in caught.value.given
    found = find(f"parquet,skip_bad:{tmp_path}")
    assert (found.classes, found.counts) == (("ant", "bee"), {"train": 10, "test": 10})
    assert load(found, "test").labels.tolist() == [0, 1] * 5
    with cs.raise_limits(2):
        assert find(f"parquet,skip_bad:{tmp_path}").counts == found.counts
