"""Small files of weights that claim much: each is refused, or read, within a second and 300 MB.

Numbers of a file that become keys of a dictionary are its traps: thousands of them can have one hash.
"""

from __future__ import annotations

import itertools
import json
import struct
from typing import TYPE_CHECKING

import pytest

from convscope import raise_limits
from convscope.errors import LimitError
from convscope.frontends import read
from convscope.frontends.weights import read_weights
from faults.limits import answered, refused
from faults.torch_files import GOOD, MAKER, STORAGE, TENSOR, archive, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

pytestmark = pytest.mark.faults

MODULUS = 2**61 - 1
"""Of Python's hash of numbers: its multiples all have one."""

SPARSE = b"ctorch._utils\n_rebuild_sparse_tensor\n"


def integer(number: int) -> bytes:
    """The code for an integer of any length."""
    data = number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def keyed(keys: Iterable[int], *, at_once: bool = True) -> bytes:
    """A dictionary with these keys, set at once or one by one."""
    if at_once:
        return archive(b"\x80\x02}(" + b"".join(integer(key) + b"N" for key in keys) + b"u.")
    return archive(b"\x80\x02}" + b"".join(integer(key) + b"Ns" for key in keys) + b".")


def strided(count: int) -> bytes:
    """Tensors of eight axes of length 1, whose strides are multiples of the modulus."""
    kept = b"".join(integer(at * MODULUS) + b"q" + bytes([10 + at]) for at in range(4))
    code = b"\x80\x02" + MAKER + b"q\0" + STORAGE + b"q\1" + kept + b"}("
    for at, strides in enumerate(itertools.islice(itertools.product(range(4), repeat=8), count)):
        chosen = b"".join(b"h" + bytes([10 + one]) for one in strides)
        code += text(f"w{at}") + b"h\0(h\1K\0(" + b"K\1" * 8 + b"t(" + chosen + b"t\x89NtR"
    return archive(code + b"u.")


def doubled(times: int, make: Callable[[bytes], bytes]) -> bytes:
    """A value that holds another twice, which holds another twice ..."""
    return archive(b"K\1q\0" + b"".join(make(b"h\0") + b"q\0" for _ in range(times)) + b".")


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "integer keys of one hash": (lambda: keyed(at * MODULUS for at in range(1, 100_001)), "small integer"),
    "set one by one": (lambda: keyed((at * MODULUS for at in range(1, 50_001)), at_once=False), "small integer"),
    "below zero": (lambda: keyed(-at * MODULUS for at in range(1, 50_001)), "small integer"),
    "with one bit in turn": (lambda: keyed(at << 40 for at in range(1, 60_001)), "contains no tensors"),
    "floats as keys": (lambda: archive(b"}(" + (b"G" + struct.pack(">d", 2.0**61) + b"N") * 9000 + b"u."), "small int"),
    "tuples as keys": (lambda: archive(b"}(" + b"K\1K\2\x86N" * 9000 + b"u."), "small integer"),
    "truths as keys": (lambda: archive(b"}(" + b"\x88N" * 9000 + b"u."), "small integer"),
    "24,000 strides of one hash": (lambda: strided(24_000), "the description of the tensors, 1,38"),
    "a long list as parts of a sparse tensor": (
        lambda: archive(b"](" + b"K\1" * 200_000 + b"eq\5" + SPARSE + b"q\6" + b"h\6Nh\5\x86R" * 20_000 + b"."),
        "not a short tuple",
    ),
    "a long tuple as parts of a sparse tensor": (
        lambda: archive(b"(" + b"K\1" * 200_000 + b"tq\5" + SPARSE + b"q\6" + b"h\6Nh\5\x86R" * 20_000 + b"."),
        "not a short tuple",
    ),
    "tuples that double": (lambda: doubled(60, lambda one: one + one + b"\x86"), "32 deep"),
    "dictionaries that double": (
        lambda: doubled(31, lambda one: b"}(" + text("a") + one + text("b") + one + b"u"),
        "2 values: this needs",
    ),
    "a wide list in many places": (
        lambda: archive(b"](" + b"N" * 150_000 + b"eq\0](" + b"h\0" * 150_000 + b"e."),
        "150,000 values: this needs",
    ),
    "tensors in many places": (
        lambda: archive(b"](" + TENSOR + b"q\1" + b"h\1" * 3000 + b"eq\0](" + b"h\0" * 3000 + b"e."),
        ": this needs",
    ),
    "a list within itself": (lambda: archive(b"]q\0(" + b"h\0" * 100_000 + b"e."), "100,000 values: this needs"),
    "16 MB of texts": (lambda: archive(b"X\1\0\0\0a" * 2_700_000), "the description of the tensors, 16,200,000 bytes"),
    "16 MB of dictionaries": (lambda: archive(b"}" * 16_000_000), "the description of the tensors, 16,000,000 bytes"),
    "60 MB of nothing": (lambda: archive(b"N" * 60_000_000), "data.pkl has 60,000,000 bytes"),
    "100 files with long names": (
        lambda: archive(GOOD, *((f"net/data/{'x' * 60_000}{at}", b"") for at in range(100))),
        "list of files",
    ),
}


def tensors(count: int) -> bytes:
    """The header and the numbers of a file of empty tensors."""
    return written({f"w{at}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for at in range(count)})


def written(header: object) -> bytes:
    data = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(data).to_bytes(8, "little") + data


HEADERS: dict[str, tuple[Callable[[], bytes], str]] = {
    "a million tensors": (lambda: tensors(10**6), "a header of 66,888,890 bytes"),
    "240,000 tensors": (lambda: tensors(240_000), "a header with 2,640,000 brackets, commas and colons"),
    "800,000 words of metadata": (
        lambda: written({"__metadata__": {f"w{at}": "" for at in range(800_000)}}),
        "a header with 1,600,00",
    ),
    "lists in a list": (lambda: written(b'{"a":[' + b"[]," * 5_000_000 + b"1]}"), "a header with 10,000,00"),
    "20 MB of wide letters": (
        lambda: written(b'{"a":"' + b"b" * 20_000_000 + "😀".encode() + b'"}'),
        "the entry of a is incomplete",
    ),
    "a shape of a million axes": (
        lambda: written({"w": {"dtype": "F32", "shape": [1] * 10**6, "data_offsets": [0, 4]}}) + bytes(4),
        "1000000 axes",
    ),
}


@pytest.mark.parametrize("name", [*REFUSED, *HEADERS])
def test_refused(name: str, tmp_path: Path) -> None:
    make, words = (REFUSED | HEADERS)[name]
    path = tmp_path / ("net.pt" if name in REFUSED else "net.safetensors")
    path.write_bytes(make())
    assert words in refused(lambda: read_weights(path)).what


def test_5000_strides_of_one_hash_are_read(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    path.write_bytes(strided(5000))
    rows = answered(lambda: read_weights(path)).rows
    assert len(rows) == 5000
    assert not any(row.same_as for row in rows)


def test_keys_of_an_optimizer_are_read(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    path.write_bytes(archive(b"\x80\x02}(" + b"".join(integer(at) + TENSOR for at in (0, 1, 2**40)) + b"u."))
    assert [row.name for row in read_weights(path).rows] == ["0", "1", str(2**40)]


def test_many_files_of_numbers_are_worth_many_tensors(tmp_path: Path) -> None:
    """What a long description may cost depends on how many tensors the archive has."""
    path, long = tmp_path / "net.pt", b"\x80\x02" + b"N" * 900_000 + GOOD[2:]
    path.write_bytes(archive(long))
    with pytest.raises(LimitError, match="the description of the tensors"):
        read_weights(path)
    path.write_bytes(archive(long, *((f"net/data/x{at}", b"") for at in range(60_000))))
    assert [row.name for row in read_weights(path).rows] == ["fc.weight"]


def test_limits_can_be_raised(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes(tensors(120_000))
    with pytest.raises(LimitError, match="this needs"):
        read_weights(path)
    with raise_limits(3):
        assert len(read_weights(path).rows) == 120_000


def test_an_archive_of_another_kind_with_very_many_files(tmp_path: Path) -> None:
    path = tmp_path / "net.xyz"
    path.write_bytes(archive(GOOD, *((f"net/data/{'x' * 60_000}{at}", b"") for at in range(300))))
    assert "not a supported file type" in refused(lambda: read(path)).what
