"""Unsupported files: each kind is recognised by name or signature, and the error says what to do instead.

Only the first bytes of such a file are read and, for an archive, the names in it.
"""

from __future__ import annotations

import io
import os
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convscope import files
from convscope.errors import LimitError, ModelError
from convscope.frontends.careful import Careful
from convscope.frontends.own import makers

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

Mark = tuple[int, bytes]
"""A position in the file, and the bytes at it."""

HEAD = 512
"""Number of bytes that are examined."""

OFFERED = 8
"""The most names in a Python file that a message lists."""

PYTHON = ".py"
"""The suffix of files from which a model is read by name."""

LFS = b"version https://git-lfs"
"""The beginning of a Git LFS pointer."""

_CONVERT = "python -m tf2onnx.convert {} --output model.onnx, then: convscope table model.onnx"
_PADDLE = "paddle2onnx --model_dir FOLDER --save_file model.onnx"
_ONNX = "convert it to ONNX, then: convscope table model.onnx"
_ARRAYS = "a file that describes the layers; arrays do not"
_GRAPH = _CONVERT.format("--saved-model FOLDER")
_LIVE = "load it in Python and pass the model itself: convscope.read(model, input=...); or give FILE.py:FUNCTION"
_SOURCE = "the original model, as an ONNX or Keras file or as FILE.py:FUNCTION"


@dataclass(frozen=True)
class Foreign:
    """A kind of file that Convscope cannot read.

    Attributes:
        name: name for messages, with its article.
        suffixes: suffixes of its files or folders, in lower case.
        attempt: what to do instead.
        marks: signatures of such a file; any one of them is enough.
        members: parts of names in an archive of this kind; any one of them is enough.
    """

    name: str
    suffixes: tuple[str, ...]
    attempt: str
    marks: tuple[Mark, ...] = ()
    members: tuple[str, ...] = ()


POINTERS = (
    Foreign("only a Git LFS pointer, not the file itself", (), "git lfs pull", ((0, LFS),)),
    Foreign(
        "a web page",
        (),
        "download the file itself; this is the page that a browser shows",
        ((0, b"<!DOCTYPE html"), (0, b"<!doctype html"), (0, b"<html"), (0, b"<HTML")),
    ),
)
"""Files that may replace a file of any kind."""

KINDS = (
    Foreign(
        "a TensorFlow Lite model",
        (".tflite", ".lite"),
        _CONVERT.format("--tflite model.tflite"),
        ((4, b"TFL3"), (0, b"TFL3")),
    ),
    Foreign(
        "an ONNX Runtime model in its own format",
        (".ort",),
        "the .onnx file that it was converted from",
        ((4, b"ORTM"),),
    ),
    Foreign("an ExecuTorch program", (".pte",), _SOURCE, ((4, b"ET12"), (4, b"ET13"))),
    Foreign(
        "a TensorFlow graph",
        (".pb", ".pbtxt", ".meta"),
        f"{_GRAPH}; if it is an ONNX file: give it a name that ends in .onnx",
    ),
    Foreign("a Core ML model", (".mlmodel", ".mlpackage", ".mlmodelc"), _SOURCE),
    Foreign("a TensorRT engine", (".engine", ".plan", ".trt"), _SOURCE, ((0, b"ptrt"), (0, b"ftrt"))),
    Foreign(
        "an OpenVINO model",
        (".xml",),
        _SOURCE,
        ((0, b"<net "), (0, b'<?xml version="1.0"?>\n<net '), (0, b'<?xml version="1.0" ?>\n<net ')),
    ),
    Foreign("a llama.cpp weights file", (".gguf", ".ggml"), _SOURCE, ((0, b"GGUF"), (0, b"lmgg"), (0, b"tjgg"))),
    Foreign("a Caffe model", (".caffemodel", ".prototxt"), _ONNX),
    Foreign("a Darknet model", (".weights", ".cfg"), _ONNX),
    Foreign("a PaddlePaddle model", (".pdmodel", ".pdiparams", ".pdparams"), _PADDLE),
    Foreign("an MXNet model", (".params",), _ONNX),
    Foreign("an MNN model", (".mnn",), _SOURCE),
    Foreign("an ncnn model", (".param", ".ncnn"), _SOURCE, ((0, b"7767517\n"),)),
    Foreign("an RKNN model", (".rknn",), _SOURCE, ((0, b"RKNN"),)),
    Foreign("a Hailo model", (".hef", ".har"), _SOURCE, ((0, b"\x01HEF"),)),
    Foreign("a Qualcomm SNPE model", (".dlc",), _SOURCE),
    Foreign("a Lua Torch model", (".t7",), _SOURCE),
    Foreign("a TorchServe archive", (".mar",), "the Python file in it, as FILE.py:FUNCTION"),
    Foreign("a NumPy array", (".npy",), _ARRAYS, ((0, b"\x93NUMPY"),)),
    Foreign("an archive of NumPy arrays", (".npz",), _ARRAYS, members=(".npy",)),
    Foreign(
        "a MATLAB file", (".mat",), "exportONNXNetwork(net, 'model.onnx') in MATLAB", ((0, b"MATLAB 5.0 MAT-file"),)
    ),
    Foreign("a Flax weights file", (".msgpack",), _ARRAYS),
    Foreign("the weights file of an ONNX model", (".onnx.data", ".onnx_data"), "the .onnx file beside it"),
    Foreign("a TensorFlow checkpoint", (".index", ".data-00000-of-00001"), _ARRAYS),
    Foreign(
        "a pickle, which may run any code",
        (".pkl", ".pickle", ".joblib", ".dill"),
        _LIVE,
        tuple((0, bytes([0x80, protocol])) for protocol in range(2, 6)),
    ),
    Foreign(
        "an index of the parts of a model's weights",
        (".index.json",),
        "the parts: convscope table model-00001-of-00002.safetensors",
    ),
    Foreign(
        "a settings file", (".yaml", ".yml", ".toml", ".ini"), "the model that is made from it, as FILE.py:FUNCTION"
    ),
    Foreign(
        "a settings file, or a TensorFlow.js model", (".json",), "the Keras model itself: model.save('model.keras')"
    ),
    Foreign("a notebook", (".ipynb",), "the function that makes the model, in a file: FILE.py:FUNCTION"),
    Foreign("a Python file", (".py",), "name the function or class in it: FILE.py:FUNCTION"),
    Foreign(
        "an archive",
        (".gz", ".tgz", ".tar", ".bz2", ".xz", ".7z", ".rar", ".zst", ".zip"),
        "unpack it first",
        ((0, b"\x1f\x8b"), (0, b"BZh"), (0, b"\xfd7zXZ"), (0, b"7z\xbc\xaf\x27\x1c"), (257, b"ustar")),
    ),
)
"""Kinds of files of other tools. The suffix decides or, if that is unknown, the signature."""

RENAMED: tuple[tuple[str, str, tuple[Mark, ...], tuple[str, ...]], ...] = (
    ("an HDF5 file", ".h5", ((0, b"\x89HDF\r\n\x1a\n"),), ()),
    ("a TorchScript program", ".jit", (), ("constants.pkl", "/code/")),
    ("an exported PyTorch program", ".pt2", (), ("serialized_exported_program.json", "archive_format")),
    ("a PyTorch archive", ".pt", (), ("/data.pkl",)),
    ("a Keras model", ".keras", (), ("config.json",)),
)
"""Kinds that are read under another suffix: name, suffix, marks and members as of :class:`Foreign`."""

FOLDERS = (
    ("saved_model.pb", "a TensorFlow SavedModel", _CONVERT.format("--saved-model FOLDER")),
    ("keras_metadata.pb", "a Keras SavedModel", _CONVERT.format("--saved-model FOLDER")),
    ("Manifest.json", "a Core ML model", _SOURCE),
    ("__model__", "a PaddlePaddle model", _PADDLE),
    ("pytorch_model.bin", "a Hugging Face model", "the weights: convscope table FOLDER/pytorch_model.bin; " + _LIVE),
    ("model.safetensors", "a Hugging Face model", "the weights: convscope table FOLDER/model.safetensors; " + _LIVE),
    ("data.pkl", "an unpacked PyTorch archive", "the .pt file that it was unpacked from"),
)
"""Folders that are models of other tools: a file in them, the name, and what to do instead."""


def refuse_foreign(path: Path, read: Collection[str]) -> None:
    """Raise ModelError for a path to another kind of file, with what to do instead.

    Args:
        path: the path; if it does not exist, the error states that first.
        read: suffixes of files from which a net can be read.
    """
    known = bool(suffix_of(path.name, read))
    by_name = None if known else _by_suffix(path.name.lower())
    if not _exists(path):
        if by_name:
            raise _missing(path, by_name)
        return
    kind = files.kind_at(path)
    if kind == "a folder":
        _refuse_folder(path, by_name)
        return
    if kind != "a file":
        attempt = "use - to read standard input" if kind == "a pipe" else ""
        raise ModelError(f"{path} is {kind}, not a file", expected=listed(read), attempt=attempt)
    head = _head(path)
    _refuse(path, head, POINTERS)
    if by_name:
        raise _foreign(path, by_name)
    if known:
        _refuse(path, head, [kind for kind in KINDS if any(len(mark) > 3 for _, mark in kind.marks)])
        return
    names = _members(path) if head.startswith(b"PK\x03\x04") else []
    _refuse(path, head, KINDS, names)
    for name, better, marks, members in RENAMED:
        if _begins(head, marks) or _has(names, members):
            raise ModelError(f"{path} is {name}", attempt=f"give it a name that ends in {better}")
    if b"\0" in head:
        raise ModelError(f"{path} is not a supported file type", expected=listed(read))


def suffix_of(name: str, read: Collection[str]) -> str:
    """Return the longest of some suffixes of a name; empty if it has none.

    >>> suffix_of("model.pth.TAR", (".tar", ".pth.tar")), suffix_of("net.cnn", (".onnx",))
    ('.pth.tar', '')
    """
    return max((end for end in read if name.lower().endswith(end)), key=len, default="")


def _missing(path: Path, kind: Foreign) -> ModelError:
    """Return the error for a file that does not exist and would be of an unsupported kind."""
    what = f"there is no file {path}"
    if path.suffix == PYTHON:
        return ModelError(what)
    return ModelError(f"{what}, and Convscope cannot read {kind.name}", attempt=_attempt(path, kind))


def _python(path: Path) -> ModelError:
    """Return the error for a Python file without a name in it, with the names that it offers."""
    found = makers(path)
    if not found:
        return ModelError(f"{path} is a Python file", attempt="name the function or class in it: FILE.py:FUNCTION")
    names = ", ".join(found[:OFFERED]) + (", …" if len(found) > OFFERED else "")
    return ModelError(
        f"{path} is a Python file, and the model in it is not named",
        expected=f"{path}:NAME, where NAME is one of {names}" if len(found) > 1 else "",
        attempt=f"{path}:{found[0]}",
    )


def listed(read: Collection[str]) -> str:
    """List the supported kinds of files for a message."""
    return f"a net in the notation (.cnn), or a file that ends in {', '.join(sorted(read))}"


def _by_suffix(name: str) -> Foreign | None:
    """Return the kind of a name; the longest matching suffix decides.

    >>> _by_suffix("model.tflite").name
    'a TensorFlow Lite model'
    """
    found = [(len(end), kind) for kind in KINDS for end in kind.suffixes if name.endswith(end) and name != end]
    return max(found, key=lambda pair: pair[0])[1] if found else None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # not a valid file name
        return False


def _head(path: Path) -> bytes:
    """Read the first bytes of a file; empty if it is not a file or cannot be opened, which its reader reports."""
    try:
        with files.opened(path) as file:
            return file.read(HEAD)
    except OSError:
        return b""


def _members(path: Path) -> list[str]:
    """Return the names in an archive; none if it is damaged or very large."""
    try:
        with (
            files.opened(path) as file,
            Careful(io.FileIO(file.fileno(), closefd=False)) as careful,
            zipfile.ZipFile(careful) as archive,
        ):
            return archive.namelist()
    except (zipfile.BadZipFile, LimitError, OSError, ValueError, EOFError, NotImplementedError):
        return []


def _begins(head: bytes, marks: tuple[Mark, ...]) -> bool:
    return any(head[at : at + len(mark)] == mark for at, mark in marks)


def _has(names: list[str], members: tuple[str, ...]) -> bool:
    return any(member in name for name in names for member in members)


def _refuse(path: Path, head: bytes, kinds: Collection[Foreign], names: list[str] | None = None) -> None:
    for kind in kinds:
        if _begins(head, kind.marks) or _has(names or [], kind.members):
            raise _foreign(path, kind)


def _refuse_folder(path: Path, by_name: Foreign | None) -> None:
    for name, what, attempt in FOLDERS:
        if (path / name).exists() and not os.path.lexists(path / "net.cnn"):
            raise ModelError(
                f"{path} is {what}, which Convscope cannot read", attempt=attempt.replace("FOLDER", str(path))
            )
    if by_name:
        raise _foreign(path, by_name)


def _foreign(path: Path, kind: Foreign) -> ModelError:
    if path.suffix == PYTHON:
        return _python(path)
    told = "" if kind in POINTERS else ", which Convscope cannot read"
    return ModelError(f"{path} is {kind.name}{told}", attempt=_attempt(path, kind))


def _attempt(path: Path, kind: Foreign) -> str:
    """Fill the name of the file into a suggestion."""
    return kind.attempt.replace("model.tflite", str(path)).replace("model.onnx", f"{path.stem}.onnx")
