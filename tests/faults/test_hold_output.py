"""What a command writes is there whole, or what was there before is; and it is never what the command reads."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
import pytest
from PIL import Image

from convscope.cli import run
from convscope.cli.commands import cli
from faults.forked import Forked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convscope.training.run import Run

pytestmark = [pytest.mark.faults, pytest.mark.skipif(os.name != "posix", reason="links, limits and devices")]

NET = "input 64x64x3, 40*( conv 4 3x3 p1 ), gap, linear 3\n"
OUTPUTS = {"-o", "--output", "--out"}


@pytest.fixture(scope="module")
def forked() -> Iterator[Forked]:
    with closing(Forked(own=True)) as process:
        yield process


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a net, an image and a small set of images in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "cache"))
    Path("net.cnn").write_text(NET, encoding="utf-8")
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save("image.png")
    for name, start in (("a", 0), ("b", 4)):  # no two images are equal, which would be a fault of the set
        Path("set", name).mkdir(parents=True)
        for number in range(4):
            Image.fromarray(pixels[start + number :] + number).resize((8, 8)).save(f"set/{name}/{number}.png")
    return tmp_path


def words(run_folder: Path) -> dict[str, tuple[list[str], str]]:
    """Commands with an output: their words, and an ending that the output may have."""
    folder = str(run_folder)
    return {
        "table": (["table", "net.cnn", "-o"], ".txt"),
        "table html": (["table", "net.cnn", "--to", "html", "-o"], ".html"),
        "draw": (["draw", "net.cnn", "-o"], ".svg"),
        "draw png": (["draw", "net.cnn", "-o"], ".png"),
        "explore": (["explore", "net.cnn", "-o"], ".html"),
        "field": (["field", "net.cnn", "-o"], ".json"),
        "field png": (["field", "net.cnn", "-o"], ".png"),
        "depth": (["depth", "99", "-o"], ".txt"),
        "list": (["list", "ops", "-o"], ".md"),
        "memory": (["memory", "net.cnn", "-o"], ".html"),
        "check": (["check", "net.cnn", "--ignore", "CS001", "--ignore", "CS003", "-o"], ".sarif"),
        "compare": (["compare", "net.cnn", "net.cnn", "-o"], ".svg"),
        "compare html": (["compare", folder, folder, "-o"], ".html"),
        "verify": (["verify", "net.cnn", "--units", "1", "-o"], ".md"),
        "eval": (["eval", folder, "-o"], ".csv"),
        "predict": (["predict", folder, *["image.png"] * 20, "-o"], ".csv"),
        "data check": (["data", "check", "folder:set", "-o"], ".json"),
        "data stats": (["data", "stats", "folder:set", "-o"], ".txt"),
        "write": (["write", "net.cnn", "-o"], ".py"),
        "write onnx": (["write", "net.cnn", "-o"], ".onnx"),
        "look": (["look", "net.cnn", "--what", "kernels", "-o"], ".svg"),
        "look png": (["look", "net.cnn", "--what", "kernels", "-o"], ".png"),
        "report": (["report", "net.cnn", "-o"], ".html"),
        "filter": (["filter", "image.png", "-k", "blur", "-o"], ".png"),
        "filter sheet": (["filter", "image.png", "--sheet", "-o"], ".html"),
        "activations": (["activations", "relu", "-o"], ".svg"),
        "data show": (["data", "show", "folder:set", "-o"], ".png"),
        "export": (["export", folder, "-o"], ".safetensors"),
    }


NAMES = list(words(Path()))


def test_every_command_with_an_output_is_tried() -> None:
    found = set()
    for name, command in cli.commands.items():
        group = command.commands if isinstance(command, click.Group) else {"": command}
        for inner, one in group.items():
            if any(OUTPUTS & set(option.opts) for option in one.params):
                found.add(f"{name} {inner}".strip())
    assert found - {"train"} == {name.removesuffix(" html").removesuffix(" onnx").removesuffix(" png")
                                 .removesuffix(" sheet") for name in NAMES}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_file_keeps_its_mode(work: Path, short_run: Run, name: str) -> None:
    command, suffix = words(short_run.path)[name]
    out = work / f"out{suffix}"
    assert run([*command, str(out)]) == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o666 & ~_mask()
    content = out.read_bytes()
    out.write_bytes(b"older")
    out.chmod(0o640)
    link = work / f"link{suffix}"
    link.symlink_to(out)
    assert run([*command, str(link)]) == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o640
    assert link.is_symlink()
    assert name == "report" or abs(len(out.read_bytes()) - len(content)) < 64
    assert not list(work.glob(".*"))


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def unbroken(said: str) -> str:
    """What was said, on one line: where lines are broken depends on the length of the paths."""
    return " ".join(said.split())


@pytest.mark.parametrize("name", NAMES)
def test_no_room(forked: Forked, work: Path, short_run: Run, name: str) -> None:
    """A file may have 100 bytes: what was there is there, whole, and nothing else."""
    command, suffix = words(short_run.path)[name]
    if command[0] == "data":
        assert run([*command, f"first{suffix}"]) == 0  # the images are prepared
    out = work / f"out{suffix}"
    out.write_bytes(b"older")
    before = set(work.iterdir())
    env = {"CONVSCOPE_CACHE": str(work / "cache")}
    done = forked.run(*command, out, cwd=str(work), env=env, limits={"RLIMIT_FSIZE": 100})
    assert done["status"] == 2, done["err"]
    said = unbroken(done["err"])
    assert f"{out} cannot be written: File too large" in said
    assert said.count("Error: ") == 1
    assert "bytes needed, " in said
    assert "bytes free" in said
    assert out.read_bytes() == b"older"
    assert set(work.iterdir()) == before


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device")
def test_a_full_device_and_a_loop(work: Path, short_run: Run, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    command, suffix = words(short_run.path)[name]
    full, loop = work / f"full{suffix}", work / f"loop{suffix}"
    full.symlink_to("/dev/full")
    loop.symlink_to(loop)
    (work / f"folder{suffix}").mkdir()
    for out, said in (
        (full, "No space left on device"),
        (loop, "a link that leads back to itself"),
        (work / f"folder{suffix}", "is a folder"),
        (work / "nowhere" / f"o{suffix}", ""),
    ):
        assert run([*command, str(out)]) == 2
        err = unbroken(capsys.readouterr().err)
        assert str(out) in err
        assert said in err
        assert "WriteError: " in err


READERS = {
    "table": ["table", "net.txt", "-o"],
    "table -": ["table", "-", "-o"],
    "field": ["field", "net.txt", "-o"],
    "write": ["write", "net.cnn", "-o"],
    "look": ["look", "net.svg", "--what", "kernels", "-o"],
    "report": ["report", "net.html", "-o"],
    "filter": ["filter", "image.png", "-k", "blur", "-o"],
    "image": ["look", "net.cnn", "--image", "image.png", "-o"],
    "set": ["data", "show", "folder:set", "-o"],
    "explore": ["explore", "net.html", "-o"],
    "memory": ["memory", "net.txt", "-o"],
    "check": ["check", "net.cnn", "net.txt", "-o"],
    "compare": ["compare", "net.cnn", "net.txt", "-o"],
    "verify": ["verify", "net.txt", "-o"],
    "data check": ["data", "check", "npz:net.txt", "-o"],
    "data stats": ["data", "stats", "npz:net.txt", "-o"],
}


def own(name: str) -> Path:
    """What such a command reads."""
    files = {"look": "net.svg", "filter": "image.png", "image": "image.png", "set": "set/a/0.png", "write": "net.cnn"}
    return Path(files.get(name, "net.html" if name in {"report", "explore"} else "net.txt"))


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("how", ["itself", "another way", "a link", "another name"])
def test_no_command_writes_onto_what_it_reads(forked: Forked, work: Path, name: str, how: str) -> None:
    for net in ("net.svg", "net.txt", "net.html"):
        Path(net).write_text(NET, encoding="utf-8")
    file = own(name)
    out = Path(f"other{file.suffix}")
    if how == "itself":
        out = file
    elif how == "another way":
        out = work / file.parent / ".." / file.parent.resolve().name / file.name
    elif how == "a link":
        out.symlink_to(file)
    else:
        out.hardlink_to(file)
    before = file.read_bytes()
    if (name, how) == ("set", "another name"):
        pytest.skip("it is replaced by a new file; the image in the set stays")
    done = forked.run(*READERS[name], out, cwd=str(work), stdin=str(file))
    assert done["status"] == 2, done["out"]
    assert "is what this command reads" in unbroken(done["err"])
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    "file", ["net.cnn", "recipe.toml", "data.json", "seal.json", "metrics.jsonl", "model.safetensors", "README.md"]
)
def test_no_output_onto_a_part_of_a_run(work: Path, short_run: Run, file: str) -> None:
    shutil.copytree(short_run.path, work / "r")
    before = (work / "r" / file).read_bytes()
    for command in (
        ["table", "r", "-o"],
        ["memory", "r", "-o"],
        ["write", "r", "--to", "notation", "-o"],
        ["report", "r", "-o"],
        ["export", "r", "-o"],
    ):
        assert run([*command, f"r/{file}"]) == 2
    assert run(["report", "r"]) == 0
    assert (work / "r" / file).read_bytes() == before


def test_no_file_of_a_default_name_onto_what_is_read(
    work: Path, short_run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("report.html").write_text(NET, encoding="utf-8")
    assert run(["report", "report.html"]) == 2
    assert "report.html is what this command reads" in unbroken(capsys.readouterr().err)
    assert Path("report.html").read_text(encoding="utf-8") == NET
    shutil.copytree(short_run.path, work / "model")
    monkeypatch.chdir(work / "model")
    before = Path("model.safetensors").read_bytes()
    assert run(["export", ".", "--to", "safetensors"]) == 2
    assert "model.safetensors is what this command reads" in unbroken(capsys.readouterr().err)
    assert Path("model.safetensors").read_bytes() == before


@pytest.mark.usefixtures("work")
def test_a_new_file_beside_the_input_is_written() -> None:
    assert run(["write", "net.cnn", "-o", "other.cnn"]) == 0
    assert run(["write", NET, "-o", "net.cnn"]) == 0  # the text is not the file


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", place], check=False, capture_output=True
    ).returncode:
        pytest.skip("nothing can be mounted here")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk(small_disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = small_disk / "t.html"
    out.write_text("keep", encoding="utf-8")
    fill = os.open(small_disk / "fill", os.O_CREAT | os.O_WRONLY)
    with suppress(OSError):
        while os.write(fill, bytes(4096)):
            pass
    os.close(fill)
    assert run(["table", NET, "--to", "html", "-o", str(out)]) == 2
    err = unbroken(capsys.readouterr().err)
    assert f"{out} cannot be written: No space left on device" in err
    assert "0 bytes free" in err
    assert out.read_text(encoding="utf-8") == "keep"
    assert {path.name for path in small_disk.iterdir()} == {"t.html", "fill"}
