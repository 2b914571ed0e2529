"""The commands of the README, of the pages and of every ``--help``, as they are typed here: cheaply, or not at all.

Training takes a fiftieth of an epoch, a run is one that was trained once, and files and folders that the examples name
are small ones of the same kind. What is left out needs the net; each kind says why.
"""

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import onnx
import torch
from PIL import Image
from safetensors.torch import save_file

import convscope as cs
from convscope.cli.commands import cli
from convscope.training.run import Run

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

RUN = "runs/mnist-fast-seed0"
RUNS = (RUN, "runs/mnist-fast-seed1", "runs/short", "runs/small", "runs/curves")
NET = "input 28x28x1, conv 8 3x3 nobias, bn, relu, maxpool 2, conv3: conv 8 3x3 nobias, bn, relu, gap, linear 10\n"
MAP = "input 28x28x1, conv 8 3x3, relu, conv 8 3x3, conv3: conv 8 3x3, relu\n"
NETS = ("net.cnn", "old.cnn", "new.cnn", "small.cnn", "large.cnn")
MODULE = (
    "import torch\n\ndef make_net():\n"
    "    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1),"
    " torch.nn.Flatten(), torch.nn.Linear(4, 10))\n\n"
    "def Net():\n"
    "    return torch.nn.Sequential(torch.nn.Conv2d(1, 4, 5), torch.nn.AdaptiveAvgPool2d(1),"
    " torch.nn.Flatten(), torch.nn.Linear(4, 10))\n"
)

NEEDS_THE_NET = {r"\bcifar10\b": "CIFAR-10 is downloaded", r"\bhf:(?:me|OWNER)\b(?!.*--dry-run)": "a hub is asked"}
"""What is not typed, and why: nothing else may be here."""

STEPS = ("--epochs", "0.02", "--no-report")

LONG = re.compile(
    r"^train(?!.*--(?:help|dry-run))|^verify|^report|^export.*pt2|\.keras|torchvision:|mistakes|^compare runs|^explore"
)
"""Commands that take two seconds or more: they are typed at 80 columns only, where room is short."""

KEYS = {"table - --to markdown": "input 400x400x3, (3x3x3)x32, (3x3x32)x64"}
"""What is typed after a command that reads standard input: what the page pipes into it."""

REFUSED = {
    "table 'input 28x28x1, conv 16 3x3 g5'": "groups",
    "table model.tflite": ".tflite",
    "eval runs/short --data minst": "mnist",
    "write 'input 8x8x2, conv 4 3x3, tail: opaque 4' --to torch": "opaque",
    f"train --resume {RUN}": "finished",
}
"""Commands that show an error, and a word of it."""

CHEAP = (
    (r"--split train", "--split test", "60,000 images instead of 10,000"),
    (r" --measure", "", "the gradients of a function are measured for ten seconds"),
    (r" --folds 5", "", "five nets are trained on 48,000 images each"),
    (r" --units 20", " --units 2", "a unit of a large net is probed for half a second"),
    (r"^field net\.cnn", "field map.cnn", "nothing: the net that is trained here ends in no map"),
    (r"^explore (old\.cnn) new\.cnn.*", r"explore \1 -o typed.html", "a file has one net"),
    (r"^explore (?!--help|.*-o )(.+?)(?: --no-open)?$", r"explore \1 -o typed.html", "a server ends by Ctrl-C only"),
    (r"torchvision:resnet50", "torchvision:resnet18", "a third of the layers"),
)
"""What is typed instead, and what it saves."""


def examples(command: click.Command, name: str = "") -> Iterator[str]:
    """The commands in the examples of a help page, and the one that shows the page."""
    yield f"{name} --help".strip()
    yield from re.findall(r"^ {2,}(?:echo .+\| )?convscope (.+)$", command.help or "", re.MULTILINE)
    if isinstance(command, click.Group):
        for word, below in command.commands.items():
            yield from examples(below, f"{name} {word}".strip())


def written() -> list[str]:
    """Every command that is written anywhere, without ``convscope``."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    found = [*examples(cli), *re.findall(r"^(?:\$ )?convscope (.+)$", text, re.MULTILINE)]
    return list(dict.fromkeys(line for line in found if not line.endswith("--object.")))  # the end of a sentence


def typed_as(line: str) -> str | None:
    """What is typed for a command; None where that needs the net."""
    if any(re.search(kind, line) for kind in NEEDS_THE_NET):
        return None
    for kind, other, _ in CHEAP:
        line = re.sub(kind, other, line)
    words = shlex.split(line, comments=True)
    words = words[: next((at for at, word in enumerate(words) if word in {"|", ">"}), len(words))]
    if words[0] == "train" and not {"--dry-run", "--resume", "--from", "--find-lr", "--help"} & set(words):
        words = [*_without(words, "--epochs"), *STEPS, *([] if "-o" in words else ["-o", "typed"])]
    return shlex.join(words)


def _without(words: list[str], option: str) -> list[str]:
    """Words without an option and its value."""
    at = words.index(option) if option in words else len(words)
    return words[:at] + words[at + 2 :]


def commands() -> list[str]:
    """Everything that is typed, once; equal commands on several runs are one."""
    found: dict[str, str] = {}
    for line in filter(None, map(typed_as, written())):
        key = re.sub(r"runs/[\w-]+", RUN, line)
        found.setdefault(re.sub(r"--name \w+ ?|--quiet ?|(?<=-o )\w+(?=\.)", "", key), line)
    return list(found.values())


def furnish(folder: Path, run: Run) -> None:
    """Put everything that the examples name into a folder."""
    for name in RUNS:
        shutil.copytree(run.path, folder / name)
    shutil.copytree(ROOT / "docs", folder / "docs")
    for name in NETS:
        (folder / name).write_text(NET, encoding="utf-8")
    (folder / "map.cnn").write_text(MAP, encoding="utf-8")
    (folder / "mine.py").write_text(MODULE, encoding="utf-8")
    for name in ("five.png", "photo.jpg", "scans/five.jpg", "scans/six.jpg"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / "docs" / "images" / "five.png", folder / name)
    _images(folder / "photos", ("cat", "dog"), (32, 32, 3))
    _images(folder / "my-digits", tuple("0123456789"), (28, 28))
    _onnx(folder / "model.onnx")
    shutil.copy(run.path / "model.safetensors", folder / "weights.safetensors")
    (folder / "digits.onnx").write_bytes(cs.export(run, to="onnx").data)
    layers = torch.nn.Conv2d(1, 4, 5), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(4, 10)
    save_file(torch.nn.Sequential(*layers).state_dict(), folder / "mine.safetensors")
    torch.save(torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU()), folder / "mine.pt")


def _onnx(path: Path) -> None:
    """A model whose nodes are called as the examples call layers."""
    content = cs.write(MAP, to="onnx")
    assert isinstance(content, bytes)
    model = onnx.load_model_from_string(content)
    for node in model.graph.node:
        node.name = f"/{node.output[0]}/{node.op_type}"
    onnx.save(model, path)


def _images(folder: Path, classes: tuple[str, ...], size: tuple[int, ...]) -> None:
    random = np.random.default_rng(0)
    for name in classes:
        (folder / name).mkdir(parents=True)
        for number in range(6):
            Image.fromarray(random.integers(0, 255, size, np.uint8)).save(folder / name / f"{number}.png")
