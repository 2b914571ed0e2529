"""Files of other kinds are named as such, by their names and by how they begin."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

import convscope as cs
from convscope.cli import run
from convscope.errors import ConvscopeError, ModelError
from convscope.frontends import READERS
from convscope.frontends.kinds import KINDS, POINTERS, refuse_foreign

SUFFIXES = [(suffix, kind.name) for kind in KINDS for suffix in kind.suffixes]
MARKS = [(mark, kind.name) for kind in (*KINDS, *POINTERS) for mark in kind.marks]


def told(source: object) -> ConvscopeError:
    with pytest.raises(ConvscopeError) as caught:
        cs.read(source)
    assert "there is no op" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(("suffix", "name"), SUFFIXES)
def test_a_kind_is_known_by_its_suffix(suffix: str, name: str, tmp_path: Path) -> None:
    assert f"model{suffix}" in told(f"model{suffix}").what
    path = tmp_path / f"model{suffix.upper()}"
    path.write_bytes(b"anything")
    for error in (told(path), told(str(path))):
        assert f"is {name}" in error.what
        assert error.attempt


@pytest.mark.parametrize(("mark", "name"), MARKS)
def test_a_kind_is_known_by_how_it_begins(mark: tuple[int, bytes], name: str, tmp_path: Path) -> None:
    at, words = mark
    for suffix in ("", ".model", ".cnn", *((".onnx", ".h5", ".safetensors", ".pt") if len(words) > 3 else ())):
        path = tmp_path / f"a{suffix}"
        path.write_bytes(b"\1" * at + words + b"\0\1\2" * 100)
        error = told(path)
        assert f"is {name}" in error.what
        assert error.attempt


@pytest.mark.parametrize("suffix", [*READERS, ".cnn", ".tflite", ""])
def test_a_pointer_of_git_lfs_is_told_for_every_kind(
    suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 3\n", encoding="ascii")
    assert told(path).attempt == "git lfs pull"
    assert run(["table", str(path)]) == 2
    assert "only a Git LFS pointer, not the file itself" in capsys.readouterr().err


def test_archives_are_told_apart_by_what_is_in_them(tmp_path: Path) -> None:
    np.savez(tmp_path / "arrays", a=np.zeros(3))
    (tmp_path / "arrays.npz").rename(tmp_path / "arrays.data")
    assert "an archive of NumPy arrays" in told(tmp_path / "arrays.data").what
    for member, name, better in (
        ("m/constants.pkl", "TorchScript", ".jit"),
        ("m/data.pkl", "a PyTorch archive", ".pt"),
        ("config.json", "Keras", ".keras"),
    ):
        with zipfile.ZipFile(tmp_path / "m.zip2", "w") as archive:
            archive.writestr(member, b"{}")
        error = told(tmp_path / "m.zip2")
        assert name in error.what
        assert error.attempt.endswith(better)
    (tmp_path / "bad.data").write_bytes(b"PK\3\4" + bytes(40))
    assert "not a supported file type" in told(tmp_path / "bad.data").what


def test_folders_of_other_tools(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"")
    assert "a TensorFlow SavedModel" in told(tmp_path).what
    assert str(tmp_path) in told(str(tmp_path)).attempt
    package = tmp_path / "net.mlpackage"
    package.mkdir()
    assert "Core ML" in told(package).what
    (tmp_path / "net.cnn").write_text("input 8x8x1, relu", encoding="utf-8")  # the folder of a run
    assert cs.read(tmp_path).output == (1, 8, 8)


def test_what_is_read_is_not_refused(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_text("input 8x8x1, relu", encoding="utf-8")
    assert cs.read(path).output == (1, 8, 8)
    assert cs.read(str(path)).output == (1, 8, 8)
    for text in ("input 8x8x1, a: relu, tanh", "input 8x8x1, leaky_relu 0.5"):
        assert len(cs.read(text)) in {1, 2}
    refuse_foreign(tmp_path / "not_there.onnx", READERS)  # its reader says that
    (tmp_path / "weights.pt").write_bytes(pickle.dumps({}))
    refuse_foreign(tmp_path / "weights.pt", READERS)  # as above
    assert "is not UTF-8 text" in told_text(tmp_path, b"caf\xe9")


def told_text(folder: Path, data: bytes) -> str:
    (folder / "odd.txt").write_bytes(data)
    error = told(folder / "odd.txt")
    assert ".onnx" in error.expected
    return error.what


def test_one_word_with_a_suffix_is_a_file() -> None:
    assert "there is no such file" in told("model.foo").what
    assert isinstance(told("mods:make"), ModelError)
    assert "there is no module mods" in told("mods:make").what


def test_a_checkpoint_called_tar_is_a_file_of_weights(tmp_path: Path) -> None:
    torch.save({"state_dict": {"w": torch.zeros(2, 3)}}, tmp_path / "best.pth.tar")
    assert "1 tensor but no layers" in told(tmp_path / "best.pth.tar").what
    assert run(["table", str(tmp_path / "best.pth.tar")]) == 0
    (tmp_path / "best.tar").write_bytes(b"anything")
    assert "an archive" in told(tmp_path / "best.tar").what
