"""Hostile and damaged files of weights: nothing in them is run, and each is refused soon and in little memory."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import convscope as cs
from convscope.errors import LimitError, ModelError
from convscope.frontends.weights import read_weights
from faults.limits import refused
from faults.torch_files import GOOD, MAKER, STORAGE, TENSOR, archive, crowded, on_each_other, patched, program, text

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.faults


def packed(header: object, size: int = 24, length: int | None = None) -> bytes:
    """A safetensors file."""
    data = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(data) if length is None else length).to_bytes(8, "little") + data + bytes(size)


def entry(first: Any = 0, end: Any = 24, shape: Any = (2, 3), dtype: Any = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [first, end]}


SAFETENSORS: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty file": (lambda: b"", "neither safetensors nor"),
    "nine bytes": (lambda: bytes(8) + b"{", "not JSON"),
    "header longer than the file": (lambda: packed({"a": entry()}, length=10**6), "should have 1,000,000 bytes"),
    "header of 2^64 bytes": (
        lambda: packed({"a": entry()}, length=2**64 - 1),
        "should have 18,446,744,073,709,551,615",
    ),
    "header shorter than it is": (lambda: packed({"a": entry()}, length=9), "not JSON"),
    "100 MB of brackets": (lambda: packed(b'{"a":' + b"[" * 10**8), "a header of 100,000,005 bytes: this needs"),
    "15 MB of brackets": (lambda: packed(b'{"a":' + b"[" * (15 * 10**6)), "15,000,002 brackets"),
    "deep": (lambda: packed(b'{"a":' + b"[" * 900_000), "not JSON"),
    "many lists": (lambda: packed(b'{"a":[' + b"[]," * 10**6), "2,000,003 brackets"),
    "as many marks as allowed": (lambda: packed(b'{"a":[' + b"[]," * 499_000 + b"1]}"), "is incomplete"),
    "a text of 15 MB": (lambda: packed(b'{"' + b"a" * (15 * 10**6) + b'":1}'), "is incomplete"),
    "digits": (lambda: packed(b'{"a":' + b"9" * 10_000 + b"}"), "not JSON"),
    "not UTF-8": (lambda: packed(b'{"\xff\xfe":1}'), "not JSON"),
    "a list": (lambda: bytes([2]) + bytes(7) + b"[]", "neither safetensors nor"),
    "a name twice": (
        lambda: packed(b'{"a":%b,"a":%b}' % ((json.dumps(entry()).encode(),) * 2)),
        "a name twice",
    ),
    "a key twice": (
        lambda: packed(b'{"a":{"dtype":"F32","shape":[2,3],"shape":[6],"data_offsets":[0,24]}}'),
        "a name twice",
    ),
    "overlap": (lambda: packed({"a": entry(), "b": entry(8, 32)}, 32), "b overlaps the one before"),
    "the same bytes twice": (lambda: packed({"a": entry(), "b": entry()}), "b overlaps the one before"),
    "a hole": (lambda: packed({"a": entry(), "b": entry(32, 56)}, 56), "b begins 8 bytes after"),
    "a hole at the start": (lambda: packed({"a": entry(8, 32)}, 32), "a begins 8 bytes after"),
    "beyond the end": (lambda: packed({"a": entry()}, 23), "take 24 bytes, but the file has 23"),
    "bytes left over": (lambda: packed({"a": entry()}, 25), "take 24 bytes, but the file has 25"),
    "backwards": (lambda: packed({"a": entry(24, 0)}), "a has -24 bytes"),
    "negative": (lambda: packed({"a": entry(-24, 0)}), "not integers"),
    "not whole": (lambda: packed({"a": entry(0.0, 24.0)}), "not integers"),
    "true": (lambda: packed({"a": entry(shape=[True, 6])}), "not integers"),
    "infinite": (lambda: packed({"a": entry(end=float("inf"))}), "not JSON"),
    "wrong size": (lambda: packed({"a": entry(shape=[2, 4])}), "a has 24 bytes"),
    "2^62 x 2^62": (lambda: packed({"a": entry(shape=[2**62, 2**62])}), "too many values"),
    "2^62 bytes": (lambda: packed({"a": entry(0, 2**62, [2**60])}), "but the file has 24"),
    "a thousand axes": (lambda: packed({"a": entry(shape=[1] * 1000)}), "1000 axes"),
    "unknown kind": (lambda: packed({"a": entry(dtype="F99")}), "unknown dtype F99"),
    "kind that is a list": (lambda: packed({"a": entry(dtype=[[]])}), "unknown dtype list"),
    "half of a byte": (lambda: packed({"a": entry(0, 1, [3], "F4")}, 1), "does not end at a byte"),
    "no shape": (lambda: packed({"a": {"dtype": "F32", "data_offsets": [0, 24]}}), "is incomplete"),
    "one offset": (lambda: packed({"a": entry() | {"data_offsets": [0]}}), "not integers"),
    "metadata of numbers": (
        lambda: packed({"__metadata__": {"a": 1}, "b": entry()}),
        "metadata is not a dictionary of strings",
    ),
    "metadata that is a list": (
        lambda: packed({"__metadata__": [], "b": entry()}),
        "metadata is not a dictionary of strings",
    ),
    "moves the cursor": (lambda: packed({"a\x1b[2J": entry()}), "invisible character: a\\x1b"),
    "right to left": (lambda: packed({"a\u202eb": entry()}), "invisible character"),
    "half of a character": (lambda: packed({"a\ud800": entry()}), "invisible character"),
    "long name": (lambda: packed({"a" * 301: entry()}), "301 characters"),
    "a million tensors": (lambda: packed({str(n): entry(0, 0, [0]) for n in range(10**6)}, 0), "bytes: this needs"),
    "none": (lambda: packed({}, 0), "contains no tensors"),
    "metadata alone": (lambda: packed({"__metadata__": {}}, 0), "contains no tensors"),
}


@pytest.mark.parametrize("name", SAFETENSORS)
def test_hostile_safetensors(name: str, tmp_path: Path) -> None:
    make, words = SAFETENSORS[name]
    path = tmp_path / "net.safetensors"
    path.write_bytes(make())
    error = refused(lambda: read_weights(path))
    assert isinstance(error, ModelError | LimitError)
    assert error.what.startswith("net.safetensors")
    assert words in error.what


def test_the_good_safetensors_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes(packed({"__metadata__": {"format": "pt"}, "b": entry(24, 48), "a": entry()}, 48))
    assert [(row.name, row.shape, row.bytes) for row in read_weights(path).rows] == [
        ("b", (2, 3), 24),
        ("a", (2, 3), 24),
    ]


class Runs:
    """An object that runs a command when a pickle of it is loaded."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.parts = function, arguments

    def __reduce__(self) -> tuple[Any, Any]:
        return self.parts


def nested(times: int, inside: bytes) -> bytes:
    """A dictionary in which each level stands twice."""
    code = b"\x80\x02}(" + text("w") + inside + b"uq\0"
    for level in range(1, times):
        code += b"}(" + text("a") + b"h%c" % (level - 1) + text("b") + b"h%c" % (level - 1) + b"uq%c" % level
    return code + b"."


LONG = b"(" + b"K\x01" * 200_000 + b"tq\x05"
"""A long tuple, kept."""


def shaped(shape: bytes, strides: bytes, *, offset: bytes = b"K\x00") -> bytes:
    return program(text("w"), TENSOR.replace(b"K\x00K\x02K\x03\x86K\x03K\x01\x86", offset + shape + strides))


TORCH: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty archive": (lambda: b"PK\x05\x06" + bytes(18), "neither safetensors nor"),
    "cut": (lambda: archive()[:-30], "damaged"),
    "no description": (lambda: archive().replace(b"data.pkl", b"data.pkk"), "has no data.pkl"),
    "two folders": (lambda: archive(GOOD, ("other/data.pkl", GOOD)), "has no data.pkl"),
    "a file twice": (lambda: archive(GOOD, ("net/data.pkx", GOOD)).replace(b"pkx", b"pkl"), "a file twice"),
    "a path up": (lambda: archive(GOOD, ("net/../../evil", b"")), "outside itself, net/../../evil"),
    "a path up, backwards": (lambda: archive(GOOD, ("net/..\\evil", b"")), "outside itself"),
    "deflate bomb": (lambda: archive(bytes(2**28), method=zipfile.ZIP_DEFLATED), "data.pkl is compressed"),
    "deflate bomb beside": (
        lambda: archive(GOOD, ("net/data/1", bytes(2**27)), method=zipfile.ZIP_DEFLATED),
        "is compressed",
    ),
    "bzip2 bomb": (lambda: archive(bytes(2**24), method=zipfile.ZIP_BZIP2), "data.pkl is compressed"),
    "sizes that differ": (lambda: patched(archive(), b"PK\x01\x02", 24, "<I", 2**31), "data.pkl is compressed"),
    "locked": (lambda: patched(archive(), b"PK\x01\x02", 8, "<H", 1), "is compressed or encrypted"),
    "on each other": (on_each_other, "overlap"),
    "300,000 files": (crowded, "list of files: this needs"),
    "description of 30 MB": (lambda: archive(bytes(30 * 2**20)), "data.pkl has 31,457,280 bytes: this needs"),
    "damaged description": (lambda: archive().replace(b"FloatStorage", b"FloatStorbge"), "Bad CRC"),
    "no end": (lambda: archive(GOOD[:-1]), "is damaged"),
    "nothing": (lambda: archive(b""), "is damaged"),
    "only an end": (lambda: archive(b"."), "is damaged"),
    "a long text": (lambda: archive(b"X\xff\xff\xff\xffa."), "truncated"),
    "bytes of 4 GB": (lambda: archive(b"B\xff\xff\xff\xffa."), "truncated"),
    "far memory": (lambda: archive(b"}r\xff\xff\xff\xff."), "contains no tensors"),
    "memory that is not there": (lambda: archive(b"j\xff\xff\xff\xff."), "is damaged"),
    "no steps end": (lambda: archive(b"N" * 10**6), "the description of the tensors, "),
    "a million texts": (lambda: archive(b"X\x01\0\0\0a" * 10**6), "the description of the tensors, "),
    "a million dictionaries": (lambda: archive(b"}" * 10**6), "the description of the tensors, "),
    "a million kept marks": (lambda: archive(b"(" * 10**6), "the description of the tensors, "),
    "one text of 16 MB": (lambda: archive(b"\x80\x02}(" + text("é" * (8 * 10**6)) + b"Nu."), "contains no tensors"),
    "wide text": (lambda: archive(b"}(" + text("a" * (15 * 2**20) + "😀") + b"Nu."), "contains no tensors"),
    "deep lists": (lambda: archive(b"]" * 10**5 + b"a" * (10**5 - 1) + b"."), "32 deep"),
    "a deep tuple as a key": (lambda: archive(b"}N" + b"\x85" * 10**5 + b"Ns."), "a key is neither"),
    "a deep tuple as a storage": (lambda: archive(b"N" + b"\x85" * 10**5 + b"Q."), "is damaged"),
    "a deep tuple as a storage's key": (
        lambda: archive(b"(" + text("storage") + b"ctorch\nFloatStorage\nN" + b"\x85" * 10**5 + b"NK\x06tQ."),
        "described incorrectly",
    ),
    "each level twice": (lambda: archive(nested(30, b"N")), "2 values: this needs"),
    "each tensor twice": (lambda: archive(nested(30, TENSOR)), ": this needs"),
    "within itself": (lambda: archive(b"}q\0(" + text("a") + b"h\0u."), "32 deep"),
    "long names again and again": (
        lambda: archive(b"\x80\x02}q\0(" + text("a" * 299) + b"h\0u."),
        "more than 300 characters",
    ),
    "a long tuple, given again and again": (
        lambda: archive(b"ccollections\nOrderedDict\nq\0" + LONG + b"h\0h\x05R" * 10**5),
        "not a short tuple",
    ),
    "a long shape, again and again": (
        lambda: archive(LONG + STORAGE + b"q\6" + MAKER + b"q\0(h\6K\0h\5h\5tq\7" + b"h\0h\7R" * 10**5),
        "do not match",
    ),
    "a long name, again and again": (
        lambda: archive(text("a" * 10**6) + b"q\0" + b"h\0h\0\x93" * 10**5),
        "a name is too long",
    ),
    "a missing storage": (lambda: archive(GOOD.replace(b"\x01\0\0\x000", b"\x01\0\0\x001")), "storage 1 is missing"),
    "a longer storage": (lambda: archive(GOOD.replace(b"cpuK\x06", b"cpuK\x07")), "storage 0 has 24 bytes"),
    "a storage of another kind": (lambda: archive(GOOD.replace(b"FloatS", b"DoubleS")), "storage 0 has 24 bytes"),
    "a storage of no kind": (lambda: archive(GOOD.replace(b"FloatS", b"FloutS")), "asks for torch.FloutStorage"),
    "a shape beyond its storage": (lambda: archive(shaped(b"K\x02K\x04\x86", b"K\x04K\x01\x86")), "reads value 7"),
    "an offset beyond": (lambda: archive(shaped(b"K\x02\x85", b"K\x01\x85", offset=b"K\x05")), "reads value 6"),
    "strides beyond": (lambda: archive(shaped(b"K\x02\x85", b"J\xff\xff\xff\x7f\x85")), "reads value 2,147,483,647"),
    "negative stride": (lambda: archive(shaped(b"K\x02\x85", b"J\xff\xff\xff\xff\x85")), "is damaged"),
    "a shape without strides": (lambda: archive(shaped(b"K\x02\x85", b")")), "do not match"),
    "numbers that stand for 2^64": (
        lambda: archive(shaped(b"\x8a\x05\0\0\0\0\1" * 2 + b"\x86", b"K\x00K\x00\x86")),
        "too many values",
    ),
    "a shape of 2^1000": (lambda: archive(shaped(b"\x8a\x7e" + b"\x01" * 126 + b"\x85", b"K\x00\x85")), "is damaged"),
    "moves the cursor": (lambda: archive(program(text("a\x1b[2J"), TENSOR)), "invisible character"),
    "only numbers": (lambda: archive(program(text("epoch"), b"K\x03")), "contains no tensors"),
    "torch before 1.6": (
        lambda: b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.",
        "a pickle from torch before 1.6",
    ),
    "bare pickle": (lambda: pickle.dumps({"a": 1}), "a bare pickle"),
    "TorchScript": (lambda: archive(GOOD, ("net/code/a.py", b""), ("net/constants.pkl", b")")), "TorchScript program"),
    "exported": (lambda: archive(GOOD, ("net/archive_format", b"pt2")), "exported program"),
    "exported by an older torch": (
        lambda: archive(GOOD, ("serialized_exported_program.json", b"")),
        "exported program",
    ),
}


@pytest.mark.parametrize("name", TORCH)
def test_hostile_archives(name: str, tmp_path: Path) -> None:
    make, words = TORCH[name]
    path = tmp_path / "net.pt"
    path.write_bytes(make())
    error = refused(lambda: read_weights(path))
    assert isinstance(error, ModelError | LimitError)
    assert error.what.startswith("net.pt")
    assert words in error.what


def test_the_good_archive_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    path.write_bytes(archive())
    (row,) = read_weights(path).rows
    assert (row.name, row.shape, row.dtype, row.bytes) == ("fc.weight", (2, 3), "float32", 24)


FUNCTIONS: dict[str, Callable[[str], Runs]] = {
    "os.system": lambda marker: Runs(os.system, f"touch {marker}"),
    "eval": lambda marker: Runs(eval, f"open({marker!r}, 'w')"),
    "exec": lambda marker: Runs(exec, f"open({marker!r}, 'w')"),
    "open": lambda marker: Runs(open, marker, "w"),
    "subprocess": lambda marker: Runs(subprocess.Popen, ["touch", marker]),
    "path": lambda marker: Runs(Path.touch, Path(marker)),
}


@pytest.mark.parametrize("kind", FUNCTIONS)
@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("within", ["archive", "bare", "beside a tensor", "safetensors"])
def test_a_pickle_that_runs_a_command_leaves_its_marker_unwritten(
    kind: str, protocol: int, within: str, tmp_path: Path
) -> None:
    marker, path = tmp_path / "marker", tmp_path / ("net.safetensors" if within == "safetensors" else "net.pt")
    evil = pickle.dumps(FUNCTIONS[kind](str(marker)), protocol)
    beside = b"\x80\x02}(" + text("w") + TENSOR + text("x") + evil.removesuffix(b".") + b"u."
    path.write_bytes({"bare": evil, "archive": archive(evil), "beside a tensor": archive(beside)}.get(within, evil))
    assert isinstance(refused(lambda: read_weights(path)), ModelError)
    assert isinstance(refused(lambda: cs.read(path)), ModelError)
    assert not marker.exists()
    if kind == "open" and protocol == 2:  # the marker is one that loading would write
        pickle.loads(evil).close()  # noqa: S301 -- our own
        assert marker.exists()


def test_what_a_pickle_asks_for_is_named(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    for evil in (
        b"cos\nsystem\n(X\x01\0\0\0atR.",
        b"X\x02\0\0\0osX\x06\0\0\0system\x93X\x01\0\0\0a\x85R.",
        b"cos\nsystem\n.",
    ):
        path.write_bytes(archive(evil))
        assert "asks for os.system" in refused(lambda: read_weights(path)).what


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", ".", "missing.pt", "a" * 300 + ".pt", "a\0.pt"])
def test_no_files(path: str) -> None:
    assert isinstance(refused(lambda: read_weights(path)), ModelError)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "net.pt")
    assert "is a pipe, not a file" in refused(lambda: read_weights(tmp_path / "net.pt")).what


BYTES = {".safetensors": packed({"a.weight": entry(), "b": entry(24, 32, [2])}, 32), ".pt": archive()}


@pytest.mark.parametrize("suffix", BYTES)
def test_every_cut_is_found(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"net{suffix}"
    data = BYTES[suffix]
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(ModelError):
            read_weights(path)


@pytest.mark.parametrize("suffix", BYTES)
@given(changes=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_flipped_bytes_end_in_our_error_or_in_rows(suffix: str, changes: list[tuple[int, int]], tmp_path: Path) -> None:
    data = bytearray(BYTES[suffix])
    for place, value in changes:
        data[place % len(data)] = value
    path = tmp_path / f"net{suffix}"
    path.write_bytes(data)
    try:
        found = read_weights(path)
    except ModelError:
        return
    assert all(row.bytes <= len(data) for row in found.rows)


@given(code=st.binary(max_size=60))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_program_ends_in_our_error_or_in_rows(code: bytes, tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    path.write_bytes(archive(b"\x80\x02}(" + text("w") + TENSOR + code + b"u."))
    try:
        read_weights(path)
    except ModelError:
        return
