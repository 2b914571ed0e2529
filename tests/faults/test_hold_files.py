"""Run folders and files from elsewhere: nothing outside changes, nothing waits, nothing asks a network."""

import hashlib
import io
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import clock
import convscope as cs
from convscope import files
from convscope.cli import run as command
from convscope.data import trained
from convscope.data.imagefile import FORMATS, decode, opened_image
from convscope.errors import ConvscopeError, RunError, UnnamedDataError, WriteError
from convscope.frontends.weights import read_weights
from convscope.training import checkpoint, contents, seal
from convscope.training.recipe import find

pytestmark = [pytest.mark.faults, pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")]

NET = "input 8x8x1, conv 6 3x3 p1 bn relu, maxpool 2, conv 8 3x3 relu, gap, linear 4"
VERBS = (
    ("train", "--resume", "RUN", "--quiet", "--no-report"),
    ("train", "--from", "RUN", "--quiet", "--no-report", "--out", "out"),
    ("eval", "RUN"),
    ("predict", "RUN", "IMAGE"),
    ("look", "RUN"),
    ("look", "RUN", "-o", "RUN/look.svg"),
    ("report", "RUN"),
    ("compare", "RUN", "RUN"),
    ("export", "RUN", "-o", "RUN/model.onnx"),
    ("activations", "--run", "RUN"),
)
NAMES = (*contents.FILES, ".lock", ".owner.json", "report.html", "tensorboard", "checkpoints")


class Kept(Exception):  # noqa: N818 -- stops a run in its course
    """A run is left unfinished."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The user's folder for data."""
    with pytest.MonkeyPatch.context() as patch:
        place = tmp_path_factory.mktemp("home") / "cache"
        patch.setenv("CONVSCOPE_CACHE", str(place))
        yield place


@pytest.fixture(scope="module")
def data(home: Path, tmp_path_factory: pytest.TempPathFactory) -> str:  # noqa: ARG001 -- where it is prepared
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 4, 120)
    images = (draw.random((120, 8, 8, 1)) * 80).astype(np.uint8)
    for at, label in enumerate(labels):
        images[at, label * 2 : label * 2 + 2] += 100
    path = tmp_path_factory.mktemp("data") / "d.npz"
    np.savez(path, images=images, labels=labels)
    return f"npz:{path}"


@pytest.fixture(scope="module")
def finished(data: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = find("fast").changed(batch=32)
    return cs.train(NET, data=data, recipe=recipe, epochs=1, out=tmp_path_factory.mktemp("runs"), name="fin").path


@pytest.fixture(scope="module")
def unfinished(data: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that ended with two checkpoints."""
    out = tmp_path_factory.mktemp("runs")

    def stop(progress: Any) -> None:
        if progress.step > 5:
            raise Kept

    with pytest.raises(Kept):
        cs.train(NET, data=data, recipe=find("fast").changed(batch=16), epochs=9, out=out, name="unf", save_every=0,
                 progress=stop)  # fmt: skip
    assert len(checkpoint.steps(out / "unf")) == 2
    return out / "unf"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """What nobody may touch: a file, a folder with a file that looks like a draft of ours."""
    place = tmp_path / "outside"
    (place / "folder").mkdir(parents=True)
    (place / "victim").write_text("precious")
    (place / "folder" / ".precious.tmp").write_text("precious")
    (place / "folder" / "step-00000001.json").write_text("{}")
    return place


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks a network fails."""

    def refuse(*_: Any) -> None:
        raise AssertionError("a network was asked")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def seen(place: Path) -> dict[str, str]:
    """Every name below a folder, what it is, and what is in it."""
    found = {}
    for path in sorted(place.rglob("*")):
        kind = files.kind_at(path) if not path.is_symlink() else f"link to {path.readlink()}"
        told = hashlib.sha256(path.read_bytes()).hexdigest() if kind == "a file" else ""
        found[str(path.relative_to(place))] = f"{kind} {path.lstat().st_mode:o} {told}"
    return found


@contextmanager
def patience() -> Iterator[None]:
    """Who waits for a pipe is woken up."""

    def over(*_: Any) -> None:
        raise AssertionError("it waits")

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(clock.HANG)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def asked(verb: tuple[str, ...], run: Path, image: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """What a command ends with and says."""
    words = [word.replace("RUN", str(run)).replace("IMAGE", str(image)) for word in verb]
    words = [str(run.parent / "out") if word == "out" else word for word in words]
    capsys.readouterr()
    with patience():
        status = command(words)
    return status, capsys.readouterr().err


def harmed(name: str, kind: str, run: Path, outside: Path) -> None:
    """Put a link, a pipe or a socket in the place of something in a run."""
    place = run / name
    if place.is_dir():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    if kind == "link":
        place.symlink_to(outside / ("folder" if name in {"tensorboard", "checkpoints"} else "victim"))
    elif kind == "dangling":
        place.symlink_to(outside / "new")
    elif kind == "pipe":
        os.mkfifo(place)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            here = Path.cwd()
            os.chdir(run)  # the name of a socket may not be long
            try:
                server.bind(name)
            finally:
                os.chdir(here)


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("kind", ["link", "dangling", "pipe", "socket"])
@pytest.mark.parametrize("name", NAMES)
def test_nothing_outside_of_a_run_changes(
    name: str,
    kind: str,
    finished: Path,
    unfinished: Path,
    outside: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    image = tmp_path / "i.png"
    Image.new("L", (8, 8)).save(image)
    for verb in VERBS:
        run = tmp_path / "run"
        shutil.copytree(unfinished if "--resume" in verb else finished, run)
        harmed(name, kind, run, outside)
        before, inside = seen(outside), seen(run)
        status, said = asked(verb, run, image, capsys)
        assert status == 2, verb
        assert seen(outside) == before, verb
        assert seen(run) == inside, verb
        if kind in {"link", "dangling"}:
            assert "contains a link" in said, (verb, said)
            assert "cp -rL" in said
        else:
            assert f"is a {kind}, not a file" in said, (verb, said)
        shutil.rmtree(run)


@pytest.mark.parametrize("kind", ["link", "pipe"])
@pytest.mark.parametrize("suffix", ["json", "safetensors"])
def test_checkpoints_that_are_elsewhere(
    kind: str, suffix: str, unfinished: Path, outside: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(unfinished, run)
    harmed(f"checkpoints/step-{max(checkpoint.steps(run)):08d}.{suffix}", kind, run, outside)
    before = seen(outside)
    status, said = asked(("train", "--resume", "RUN", "--quiet", "--no-report"), run, run, capsys)
    assert seen(outside) == before
    assert (status, "contains a link" in said) == (2, True) if kind == "link" else "it is a pipe" in said


@pytest.mark.parametrize("name", [".lock", ".owner.json", "metrics.jsonl", "metrics.csv", "env.json", "README.md"])
def test_a_second_name_of_a_file_is_not_written_to(
    name: str, unfinished: Path, outside: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(unfinished, run)
    if (run / name).exists():
        shutil.copy(run / name, outside / "victim")
        (run / name).unlink()
    (run / name).hardlink_to(outside / "victim")
    before = (outside / "victim").read_bytes()
    verb = ("train", "--resume", "RUN", "--quiet", "--no-report", "--log", "csv")
    status, said = asked(verb, run, run, capsys)
    assert (outside / "victim").read_bytes() == before
    assert status in {0, 2}
    assert status == 0 or "hard links" in said or "damaged" in said


def test_a_run_may_be_named_by_a_link(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "latest").symlink_to(finished)
    assert asked(("eval", "RUN"), tmp_path / "latest", tmp_path, capsys)[0] == 0


def test_a_run_that_is_whole_goes_on(unfinished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "mo ved"
    shutil.copytree(unfinished, run)
    (run / ".left.tmp").write_text("half")
    assert asked(("train", "--resume", "RUN", "--quiet"), run, run, capsys)[0] == 0
    assert not (run / ".left.tmp").exists()
    assert {"report.html", "model.safetensors", "seal.json"} <= {path.name for path in run.iterdir()}
    assert not (run / "checkpoints").exists()


FOREIGN = ("hf:x/y", "torchvision:SVHN", "folder:PLACE", "folder,16x16x1,skip_bad:PLACE", "npz:PLACE/d.npz",
           "mnist:PLACE", "cifar10:PLACE", "cifar10", "fashion-mnist")  # fmt: skip


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("name", FOREIGN)
def test_a_run_names_no_data(
    name: str, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place, cache = tmp_path / "place", tmp_path / "cache"
    for label in "abcd":
        (place / label).mkdir(parents=True)
        for at in range(4):
            Image.new("L", (8, 8), at).save(place / label / f"{at}.png")
    cache.mkdir()
    monkeypatch.setenv("CONVSCOPE_CACHE", str(cache))
    run, image = tmp_path / "run", place / "a" / "0.png"
    shutil.copytree(finished, run)
    told, named = (run / "data.json").read_bytes(), name.replace("PLACE", str(place))
    (run / "data.json").write_bytes(told.replace(json.loads(told)["name"].encode(), named.encode()))
    resealed(run)
    before = seen(tmp_path)
    for verb in VERBS[1:]:
        status, said = asked(verb, run, image, capsys)
        if verb[0] == "predict":
            assert status == 0, said
            continue
        if verb[0] in {"report", "export", "activations"}:  # without any images, and so without what the run names
            assert status == 0, said
            assert named not in said
            (run / "report.html").unlink(missing_ok=True)
            (run / "model.onnx").unlink(missing_ok=True)
            assert seen(tmp_path) == before, verb
            continue
        assert status == 2, verb
        assert said.startswith("UnnamedDataError"), said
        assert f"--data {named}" in said
        assert said.count("convscope ") == 1
        if (tmp_path / "out").exists():
            (tmp_path / "out").rmdir()
        assert seen(tmp_path) == before, verb


def resealed(run: Path) -> None:
    """Give the settings of a run the checksums that they have."""
    own = seal.read(run)
    assert own is not None
    assert own.result is not None
    sums = {name: files.sha256((run / name).read_bytes()) for name in contents.SETTINGS}
    seal.write(run, sums, replace(own.result, sha256={**own.result.sha256, **sums}))


def test_data_that_the_user_names_are_used(
    data: str, finished: Path, unfinished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert asked(("eval", "RUN"), finished, finished, capsys)[0] == 0  # trained here
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "cache"))
    with pytest.raises(UnnamedDataError, match="was not trained here"):
        cs.evaluate(cs.load_run(finished))
    with pytest.raises(UnnamedDataError):
        cs.resume(unfinished)
    loaded = cs.load_run(finished, data=data)
    assert cs.evaluate(loaded).accuracy == loaded.result.accuracy
    run = tmp_path / "run"
    shutil.copytree(unfinished, run)
    assert asked(("train", "--resume", "RUN", "--quiet", "--data", data), run, run, capsys)[0] == 0
    for verb in VERBS[1:]:
        if verb[0] != "predict":
            assert asked((*verb, "--data", data), run, run, capsys)[0] == 0, verb


def test_other_data_than_those_of_the_run_are_told(finished: Path, data: str, tmp_path: Path) -> None:
    content = dict(np.load(data.removeprefix("npz:")))
    content["images"][0, 0, 0, 0] ^= 1
    np.savez(tmp_path / "other.npz", **content)
    with pytest.raises(ConvscopeError, match="have changed since this run was trained"):
        cs.export(cs.load_run(finished, data=f"npz:{tmp_path / 'other.npz'}"), to="safetensors")
        cs.train(cs.read(NET), data=f"npz:{tmp_path / 'other.npz'}", epochs=1, out=tmp_path)
        cs.evaluate(cs.load_run(finished, data=f"npz:{tmp_path / 'other.npz'}"), split="train")


def test_what_was_trained_on_is_kept_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path))
    for _ in range(2):
        trained.remember("a" * 64, "folder:/home/me/a\nb")
    assert (tmp_path / trained.FILE).read_text() == f'{"a" * 64} "folder:/home/me/a\\nb"\n'
    assert trained.name_of("a" * 64) == "folder:/home/me/a\nb"
    assert trained.name_of("b" * 64) is None
    with (tmp_path / trained.FILE).open("a") as file:  # as earlier versions wrote it
        file.write(f"{'c' * 64} folder:/home/me/pets\n")
    assert trained.name_of("c" * 64) == ""
    trained.remember("c" * 64, "folder:/home/me/moved")
    assert trained.name_of("c" * 64) == "folder:/home/me/moved"
    (tmp_path / trained.FILE).unlink()
    (tmp_path / trained.FILE).symlink_to(tmp_path / "elsewhere")
    trained.remember("b" * 64, "mnist")
    assert not (tmp_path / "elsewhere").exists()


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n"


def encoded(form: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, form)
    return out.getvalue()


STRANGE: dict[str, tuple[Callable[[], bytes], str]] = {
    "eps": (lambda: POSTSCRIPT, "a PostScript file"),
    "dos eps": (
        lambda: b"\xc5\xd0\xd3\xc6" + struct.pack("<6I", 30, len(POSTSCRIPT), 0, 0, 0, 0) + b"\xff\xff" + POSTSCRIPT,
        "a PostScript file",
    ),
    "psd": (
        lambda: b"8BPS\x00\x01" + bytes(6) + struct.pack(">HIIHH", 3, 8, 8, 8, 3) + bytes(214),
        "a Photoshop file",
    ),
    "svg": (lambda: b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
    "pdf": (lambda: encoded("PDF"), "a PDF file"),
    "ico": (lambda: encoded("ICO"), "an icon"),
    "tga": (lambda: encoded("TGA"), "not an image"),
    "pcx": (lambda: encoded("PCX"), "not an image"),
    "dds": (lambda: encoded("DDS"), "a DDS texture"),
    "fli": (lambda: struct.pack("<IHHHHHH", 128, 0xAF11, 1, 8, 8, 8, 3) + bytes(110), "not an image"),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_other_formats_are_refused_by_name_and_start_nothing(
    kind: str, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    programs, called = tmp_path / "bin", tmp_path / "called"
    programs.mkdir()
    for name in ("gs", "gswin64c", "convert"):
        (programs / name).write_text(f"#!/bin/sh\necho {name} >> {called}\nexit 1\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    content, told = STRANGE[kind]
    folder = tmp_path / "set"
    for label in "abcd":
        (folder / label).mkdir(parents=True)
        for at in range(3):
            (folder / label / f"{at}.png").write_bytes(encoded("PNG"))
    bad = folder / "a" / "x.png"
    bad.write_bytes(content())
    lines = (
        ("predict", str(finished), str(bad)),
        ("look", str(finished), "--image", str(bad)),
        ("filter", str(bad), "-k", "blur", "-o", str(tmp_path / "o.png")),
        ("data", "check", f"folder:{folder}"),
        ("data", "stats", f"folder:{folder}"),
        ("train", NET, "--data", f"folder:{folder}", "--quiet", "--no-report", "--out", str(tmp_path / "o")),
    )
    for words in lines:
        capsys.readouterr()
        assert command(list(words)) != 0, words
        out = capsys.readouterr()
        assert f"x.png is {told}" in out.out + out.err, (words, out)
    assert not called.exists()


def test_the_formats_that_are_promised_are_read(tmp_path: Path, finished: Path) -> None:
    for suffix, form in FORMATS.items():
        path = tmp_path / f"x{suffix}"
        path.write_bytes(encoded(form))
        assert cs.predict(finished, path)[0].image == str(path)


def test_decoders_print_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    draw = np.random.default_rng(0)
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "jpeg"):
        out = io.BytesIO()
        Image.fromarray(draw.integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(out, "TIFF", compression=compression)
        for _ in range(60):
            content = bytearray(out.getvalue())
            for place in draw.integers(0, len(content), 3):
                content[place] ^= 1 << draw.integers(0, 8)
            try:
                with opened_image(bytes(content)) as image:
                    decode(image)
            except Exception:  # noqa: BLE001, S110 -- whatever is wrong with it
                pass
    assert capfd.readouterr() == ("", "")
    os.write(2, b"there again")
    assert capfd.readouterr().err == "there again"


SUFFIXES = (".cnn", ".onnx", ".keras", ".h5", ".pt", ".pth", ".safetensors", ".txt", "")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_no_reader_opens_what_is_not_a_file(kind: str, suffix: str, tmp_path: Path) -> None:
    harmed(f"net{suffix}", kind, tmp_path, tmp_path)
    with patience(), pytest.raises(ConvscopeError, match=f"is a {kind}, not a file"):
        cs.read(tmp_path / f"net{suffix}")
    if suffix in {".pt", ".pth", ".safetensors"}:
        with patience(), pytest.raises(ConvscopeError, match=f"is a {kind}, not a file"):
            read_weights(tmp_path / f"net{suffix}")


@pytest.mark.parametrize("words", [
    ("table", "/dev/zero"), ("field", "/dev/zero"), ("write", "/dev/zero"), ("compare", "/dev/zero", "/dev/zero"),
    ("predict", "FIN", "/dev/zero"), ("predict", "FIN", "PIPE"), ("filter", "/dev/zero", "-k", "blur", "-o", "OUT"),
    ("look", "FIN", "--image", "/dev/zero"), ("look", "FIN", "--image", "PIPE"), ("table", "PIPE"),
    ("train", "--data", "npz:/dev/zero", "--quiet"), ("train", "--data", "npz:PIPE", "--quiet"),
    ("train", "--recipe", "PIPE.toml", "--quiet"), ("data", "check", "npz:PIPE"), ("table", "/dev/stdin"),
])  # fmt: skip
def test_devices_and_pipes_are_not_waited_for(
    words: tuple[str, ...], finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("pipe", "pipe.toml"):
        os.mkfifo(tmp_path / name)
    there = {"FIN": str(finished), "PIPE": str(tmp_path / "pipe"), "OUT": str(tmp_path / "o.png")}
    for name, path in there.items():
        words = tuple(word.replace(name, path) for word in words)
    if words[1] == "/dev/stdin" and files.kind_at("/dev/stdin") in {"a file", ""}:
        pytest.skip("standard input is a file")
    with patience():
        assert command(list(words)) == 2
    assert ", not a file" in capsys.readouterr().err


def test_a_folder_of_images_with_a_pipe_in_it(tmp_path: Path) -> None:
    for label in "ab":
        (tmp_path / label).mkdir()
        for at in range(2):
            (tmp_path / label / f"{at}.png").write_bytes(encoded("PNG"))
    os.mkfifo(tmp_path / "a" / "x.png")
    with patience(), pytest.raises(ConvscopeError, match="cannot be used") as caught:
        cs.train(NET, data=f"folder:{tmp_path}", out=tmp_path)
    assert "a/x.png" in str(caught.value)


class Endless(io.TextIOBase):
    """Standard input without an end."""

    def read(self, size: int | None = -1) -> str:
        assert size is not None
        assert 0 <= size < 2**24, "it asks for all"
        return "x" * size


def test_standard_input_is_bounded(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", Endless())
    assert command(["table", "-"]) == 2
    assert "more than 1,048,576 bytes" in capsys.readouterr().err


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_no_room_names_path_needed_and_free(failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "old").write_text("old")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, failing, full)
    with pytest.raises(WriteError, match=r"old cannot be written: No space left on device") as caught:
        files.put(tmp_path / "old", b"x" * 5000)
    assert caught.value.given.startswith("5,000 bytes needed, ")
    assert caught.value.given.endswith(" bytes free")
    with files.Folder(tmp_path) as folder, pytest.raises(RunError, match="cannot be written") as refused:
        folder.write("old", b"x" * 5000)
    assert "5,000 bytes needed" in refused.value.given
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old").read_text() == "old"


def test_the_mode_of_a_file_is_kept(tmp_path: Path) -> None:
    code = (
        "import os, sys; os.umask(0o027); from convscope import files; files.put(sys.argv[1], b'1'); "
        "files.put(sys.argv[2], b'1')"
    )
    (tmp_path / "old").write_text("old")
    (tmp_path / "old").chmod(0o600)
    subprocess.run([sys.executable, "-c", code, tmp_path / "old", tmp_path / "new"], check=True)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("old", "new")] == [0o600, 0o640]


def test_an_output_that_leads_into_a_run_follows_no_link_there(finished: Path, outside: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    (run / "figures").symlink_to(outside / "folder")
    (run / "look.svg").symlink_to(outside / "victim")
    before = seen(outside)
    for name in ("figures/a.svg", "look.svg"):
        with pytest.raises(RunError, match="contains a link"):
            files.put(run / name, b"x")
    assert seen(outside) == before
    (tmp_path / "mine.svg").symlink_to(outside / "victim")  # a link of the user's own, outside of any run
    files.put(tmp_path / "mine.svg", b"x")
    assert (outside / "victim").read_bytes() == b"x"
    assert (tmp_path / "mine.svg").is_symlink()


def test_a_folder_goes_nowhere_else(outside: Path, tmp_path: Path) -> None:
    place = tmp_path / "run"
    (place / "inner").mkdir(parents=True)
    (place / "inner" / "link").symlink_to(outside / "folder")
    (place / "inner" / "file").write_text("x")
    before = seen(outside)
    with files.Folder(place) as folder:
        for name in ("../outside/victim", "inner/../../outside/victim", "./x/y"):
            with pytest.raises((RunError, OSError)):
                folder.write(name, b"x")
        with pytest.raises(RunError, match="contains a link"):
            folder.read("inner/link", 10)
        folder.clear("inner")
        assert folder.names() == []
    assert seen(outside) == before
