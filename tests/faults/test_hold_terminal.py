"""Whatever a file calls its parts, a terminal shows it and does nothing else; nor do the files that are written."""

from __future__ import annotations

import ast
import csv
import hashlib
import io
import json
import os
import shutil
import zipfile
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import pytest
import torch
from PIL import Image

import convscope as cs
from convscope.cli.commands import cli
from convscope.explorer.page import part
from convscope.training.contents import FILES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.faults, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]

from faults.terminal import EVIL, Shown, Terminal, is_quiet  # noqa: E402 -- it needs the module pty, which Windows lacks

NET = "input 8x8x3, conv 4 3x3 bn relu, gap, linear 4"
ON_NETS = ("table", "draw", "field", "check", "memory", "write")


@pytest.fixture(scope="module")
def terminal() -> Iterator[Terminal]:
    process = Terminal()
    yield process
    process.close()


def layer(kind: str, name: str, source: str, **config: Any) -> dict[str, Any]:
    tensor = {"shape": [None, 8, 8, 3], "dtype": "float32", "keras_history": [source, 0, 0]}
    args = [{"class_name": "__keras_tensor__", "config": tensor}] if source else []
    return {
        "module": "keras.layers",
        "class_name": kind,
        "registered_name": None,
        "name": name,
        "config": {"name": name, **config},
        "inbound_nodes": [{"args": args, "kwargs": {}}] if source else [],
    }


def keras_config(names: Callable[[str], str] = str) -> dict[str, Any]:
    """A small model with a layer that nobody knows and a name for each part."""
    layers = [
        layer("InputLayer", names("in"), "", batch_shape=[None, 8, 8, 3]),
        layer("Conv2D", names("a"), names("in"), filters=4, kernel_size=[3, 3], padding="same", activation="relu"),
        layer("Own", names("b"), names("a")),
        layer("ReLU", names("c"), names("a")),
    ]
    inside = {"input_layers": [[names("in"), 0, 0]], "output_layers": {names("left"): [names("c"), 0, 0]}}
    return {"module": "keras", "class_name": "Functional", "config": {"name": names("m"), "layers": layers, **inside}}


def keras_file(path: Path, config: Any) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", json.dumps(config))
        file.writestr("metadata.json", '{"keras_version": "3.15.1"}')
    return path


def with_evil(value: Any) -> Iterator[Any]:
    """A document of JSON with each of its strings and keys replaced in turn."""
    if isinstance(value, str):
        yield EVIL
    elif isinstance(value, list):
        for at, one in enumerate(value):
            yield from ([*value[:at], changed, *value[at + 1 :]] for changed in with_evil(one))
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from ({**value, key: changed} for changed in with_evil(one))
            yield {EVIL if name == key else name: entry for name, entry in value.items()}


def test_every_string_of_a_keras_file(terminal: Terminal, tmp_path: Path) -> None:
    tried = 0
    for config in with_evil(keras_config()):
        terminal.run("table", keras_file(tmp_path / "m.keras", config)).check()
        tried += 1
    assert tried > 80


def onnx_model() -> Any:
    from onnx import parser

    text = """<ir_version: 9, opset_import: ["": 18, "own": 1], producer_name: "p", metadata_props: ["k": "v"]>
        graph (float[1, 3, 8, "side"] x) => (float[1, 3, 8, 8] y) <float[3] w = {1, 2, 3}> {
            a = Relu(x)
            b = own.Odd <kind = "k", names = ["n"]> (a)
            c = Add(a, w)
            y = Conv <auto_pad = "SAME_UPPER"> (c, k)
        }"""

    model = parser.parse_model(text)
    for at, node in enumerate(model.graph.node):
        node.name = f"/part/{at}/{node.op_type}"
    return model


def strings_of(message: Any) -> Iterator[tuple[Any, str | int, Callable[[str], Any]]]:
    """Every string in a message of protobuf: what it lies in, where, and what makes one."""
    for field, value in message.ListFields():
        many = hasattr(value, "__len__") and not isinstance(value, str | bytes)
        if field.cpp_type == field.CPPTYPE_MESSAGE:
            for one in value if many else [value]:
                yield from strings_of(one)
        elif field.cpp_type == field.CPPTYPE_STRING:
            make: Callable[[str], Any] = str.encode if field.type == field.TYPE_BYTES else str
            yield from ((value, at, make) for at in range(len(value))) if many else [(message, field.name, make)]


def test_every_string_of_an_onnx_file(terminal: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    count = sum(1 for _ in strings_of(onnx_model()))
    assert count > 30
    for at in range(count):
        model = onnx_model()
        place, key, make = list(strings_of(model))[at]
        if isinstance(key, str):
            setattr(place, key, make(EVIL))
        else:
            place[key] = make(EVIL)
        path.write_bytes(model.SerializeToString())
        terminal.run("table", path).check()


def test_names_in_weights(terminal: Terminal, tmp_path: Path) -> None:
    header = {EVIL: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    for changed in (header, *with_evil({"a": header[EVIL]}), {"__metadata__": {EVIL: EVIL}, "a": header[EVIL]}):
        raw = json.dumps(changed).encode()
        (tmp_path / "m.safetensors").write_bytes(len(raw).to_bytes(8, "little") + raw + bytes(4))
        for form in ("text", "csv", "markdown", "json", "html"):
            terminal.run("table", tmp_path / "m.safetensors", "--to", form).check()
    for number, content in enumerate(({EVIL: torch.ones(1)}, {"a": {EVIL: torch.ones(1)}}, EVIL, [EVIL])):
        torch.save(content, tmp_path / f"{number}.pt")
        terminal.run("table", tmp_path / f"{number}.pt").check()


def test_text_of_a_net(terminal: Terminal, tmp_path: Path) -> None:
    quoted = json.dumps(EVIL)
    texts = (
        f"input 8x8x3, {EVIL}",
        f"input 8x8x3, {quoted}: conv 4 3x3",
        f"{quoted}: input 8x8x3, conv 4 3x3",
        f"input 8x8x3, a: conv 4 3x3, output dict( {quoted}: from a | b: from a )",
        f"input 8x8x3, conv 4 3x3, output id named {quoted}",
        f"input 8x8x3,\tconv 4 3x3 {EVIL}\r\n",
        "input 8x8x3,\tconv 4\r\n",
        "input 8x8x3, \u200bconv\ufe0f 4",
    )
    for text in texts:
        terminal.run("table", text).check()
        (tmp_path / "net.cnn").write_text(text, encoding="utf-8", newline="")
        for command in ON_NETS:
            terminal.run(command, tmp_path / "net.cnn").check()


def test_names_of_a_net_in_every_command(terminal: Terminal, tmp_path: Path) -> None:
    """The notation takes any name in quotes; here a layer, an input, a key and a title are called so."""
    name, net = json.dumps(EVIL), tmp_path / "net.cnn"
    layers = f"{name}: conv 4 3x3 relu, {json.dumps(f'2{EVIL}')}: conv 4 3x3 s2"
    ends = f"output dict( {name}: from {name} named {name} | b: id )"
    net.write_text(f"input 8x8x3, {layers}, gap, linear 3", encoding="utf-8")
    commands = [
        *((word, *more) for word in ON_NETS for more in ((), ("--json",)) if word != "write" or not more),
        *(("table", "--to", form) for form in ("markdown", "csv", "html", "netron")),
        *(("write", "--to", language) for language in ("torch", "keras", "dot")),
        *(("look", "--what", what) for what in ("kernels", "features", "field", "saliency")),
        ("check", "--sarif"),
        ("compare", str(net)),
        ("verify",),
        ("report", "-o", str(tmp_path / "r.html")),
    ]
    image = tmp_path / "i.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(image)
    for word, *rest in commands:
        shown = terminal.run(
            word, net, *rest, *(("--image", image) if word == "look" and "kernels" not in rest else ())
        )
        shown.check()
        assert shown.status == 0 or word in {"check", "verify"}, shown.text
    net.write_text(f"{name}: input 8x8x3, {layers}, {ends}", encoding="utf-8")
    for word, *rest in commands:
        if word != "look":
            terminal.run(word, net, *rest).check()


FILES_OF = {
    "table": ("txt", "md", "csv", "json", "html", "svg"),
    "verify": ("txt", "md", "csv", "json", "html", "svg"),
    "check": ("txt", "csv", "json", "html"),
    "draw": ("svg", "html"),
    "field": ("txt", "json", "html"),
    "memory": ("txt", "json", "html"),
}


@pytest.mark.parametrize("command", FILES_OF)
def test_names_of_a_net_in_files_of_every_suffix(terminal: Terminal, tmp_path: Path, command: str) -> None:
    net = tmp_path / "net.cnn"
    net.write_text(f"input 8x8x3, {json.dumps(EVIL)}: conv 4 3x3 relu, gap, linear 3", encoding="utf-8")
    for suffix in FILES_OF[command]:
        out = tmp_path / f"out.{suffix}"
        terminal.run(command, net, "-o", out).check()
        assert is_quiet(out.read_text(encoding="utf-8")), suffix


KEYS = ('k"', "k\n'x", 'a": __import__("os"), "b', "{x}", "a{x0}b", "{i}5", "\\", '"""', EVIL)


@pytest.mark.parametrize("language", ["torch", "keras"])
@pytest.mark.parametrize("key", KEYS)
def test_keys_are_texts_in_code(language: str, key: str) -> None:
    word = json.dumps(key)
    text = (
        f"input 8x8x4, {word}: conv 4 3x3 p1, output dict( {word}: from {word} named {word} | z: tuple( relu | gap ) )"
    )
    code = ast.parse(cs.write(cs.read(text), to=language))
    dicts = [node for node in ast.walk(code) if isinstance(node, ast.Dict)]
    assert [[ast.literal_eval(name) for name in one.keys if name] for one in dicts] == [[key, "z"]]
    assert not any(isinstance(node, ast.Name) and node.id == "__import__" for node in ast.walk(code))


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a name that nobody would choose; with a line break it would be taken for the text of a net."""
    folder = tmp_path_factory.mktemp("odd") / f"{EVIL} \udcff".replace("\n", "")
    folder.mkdir()
    return folder


def test_names_of_files(terminal: Terminal, odd: Path) -> None:
    (odd / "net.cnn").write_text(NET, encoding="utf-8")
    (odd / "bad.cnn").write_text("input 8x8x3, conv", encoding="utf-8")
    for name in ("bad.onnx", "bad.keras", "bad.h5", "bad.pt", "bad.safetensors", "bad.py:f"):
        (odd / name.partition(":")[0]).write_bytes(b"raise ValueError")
        terminal.run("table", odd / name).check()
    for command in ON_NETS:
        for name in ("net.cnn", "bad.cnn", "none.cnn"):
            terminal.run(command, odd / name).check()
    for suffix in ("csv", "json", "html"):
        terminal.run("table", odd / "net.cnn", "-o", odd / f"{EVIL}.{suffix}").check()
    for rest in (
        ("compare", odd / "net.cnn", odd / "none.cnn"),
        ("look", odd / "net.cnn", "--what", "kernels", "-o", odd / f"{EVIL}.svg"),
        ("look", odd / "net.cnn", "--image", odd / "none.png"),
        ("report", odd / "net.cnn", "-o", odd / f"{EVIL}r.html"),
        ("field", odd / "net.cnn", "-o", odd / f"{EVIL}.png"),
        ("filter", odd / "none.png", "-k", "blur", "-o", odd / "o.png"),
        ("activations", "--run", odd),
        ("train", odd / "bad.cnn"),
        ("train", "--resume", odd),
        ("eval", odd),
        ("data", "check", f"folder:{odd}"),
        ("data", "stats", f"npz:{odd}/none.npz"),
    ):
        terminal.run(*rest).check(bar=rest[0] == "train")
    for made in (".csv", ".json", ".html", ".svg", "r.html"):
        text = (odd / f"{EVIL}{made}").read_text(encoding="utf-8")
        assert is_quiet(text)


def options() -> Iterator[tuple[tuple[str, ...], str]]:
    """Each option of each command that takes a value."""
    for name, command in cli.commands.items():
        group = command.commands if isinstance(command, click.Group) else {"": command}
        for inner, one in group.items():
            words = (name, *([inner] if inner else []))
            yield from ((words, p.opts[-1]) for p in one.params if isinstance(p, click.Option) and not p.is_flag)


BASES: dict[str, tuple[str, ...]] = {
    "depth": ("28",),
    "compare": (NET, NET),
    "activations": (),
    "train": (NET,),
    "predict": ("none", "none.png"),
    "data": ("mnist",),
    "list": ("ops",),
}


@pytest.mark.parametrize(("command", "option"), list(options()), ids=lambda part: "-".join(part) if part else "")
def test_every_option(terminal: Terminal, tmp_path: Path, command: tuple[str, ...], option: str) -> None:
    base = BASES.get(command[0], (NET,))
    shown = terminal.run(*command, *base, option, EVIL, cwd=tmp_path)
    shown.check(bar=command == ("train",))
    assert shown.status == 2 or option in {"--out", "--object", "--title"}, shown.text


def test_unknown_words(terminal: Terminal, tmp_path: Path) -> None:
    takes = (("data", EVIL), ("table", EVIL), ("list", EVIL), ("help", EVIL), ("completion", EVIL))
    for words in ((EVIL,), ("table", f"--{EVIL}", NET), ("table", NET, EVIL), *takes):
        terminal.run(*words, cwd=tmp_path).check()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_words_that_a_shell_is_offered(terminal: Terminal, tmp_path: Path, shell: str) -> None:
    """The names of layers and runs are offered as they are, so that one that would act is not."""
    names = [json.dumps(name) for name in ("seen", EVIL, f"a{EVIL}", "a\nplain,forged")]
    text = f"input 8x8x3, {', '.join(f'{name}: relu' for name in names)}"
    (tmp_path / "net.cnn").write_text(text, encoding="utf-8")
    for run in ("kept", EVIL.replace("/", "")):
        (tmp_path / "runs" / run).mkdir(parents=True)
        for name in FILES:
            (tmp_path / "runs" / run / name).write_text("{}", encoding="utf-8")
    for words, offered in (("field net.cnn --layer", "seen"), ("eval", "kept")):
        line = ["convscope", *words.split()]
        typed = {"COMP_WORDS": " ".join([*line, ""]), "COMP_CWORD": "" if shell == "fish" else str(len(line))}
        shown = terminal.run(cwd=tmp_path, env={"_CONVSCOPE_COMPLETE": f"{shell}_complete", **typed})
        assert is_quiet(shown.text.replace("\t", " ")), ascii(shown.text)
        assert offered in shown.text
        assert "forged" not in shown.text


def images(folder: Path, names: list[str]) -> None:
    numbers = np.random.default_rng(0)
    for at, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for number in range(8):
            grey = numbers.integers(0, 60, (8, 8, 3), dtype=np.uint8)
            grey[2 * at : 2 * at + 2] = 200
            Image.fromarray(grey).save(folder / name / f"{number}{EVIL}.png")


CLASSES = [f"{number}{end}" for number, end in enumerate((EVIL, "[red]", "<img src=x>", "=1+1"))]


@pytest.fixture(scope="module")
def trained(terminal: Terminal, odd: Path) -> tuple[Shown, Path]:
    """A run on images whose classes and files are called so."""
    data, runs = odd.parent / "images", odd.parent / "runs"
    images(data, CLASSES)
    words = ("--data", f"folder:{data}", "--epochs", "2", "--batch", "8", "--name", "r", "--out", runs)
    return terminal.run("train", NET, *words), runs / "r"


def test_training_with_a_bar(trained: tuple[Shown, Path]) -> None:
    shown, run = trained
    assert shown.status == 0, shown.text
    shown.check(bar=True)
    for path in run.iterdir():
        if path.suffix in {".md", ".json", ".html", ".cnn", ".toml"}:
            text = path.read_text(encoding="utf-8").replace(part("page.js"), "")  # our own script has tabs
            assert is_quiet(text), path
    card = (run / "README.md").read_text(encoding="utf-8")
    assert "\\<img src=x\\>" in card
    assert " <img" not in card


def test_images_with_such_names(terminal: Terminal, trained: tuple[Shown, Path]) -> None:
    data = f"folder:{trained[1].parents[1] / 'images'}"
    for words in (("check", data), ("stats", data), ("show", data, "--out", trained[1].parent / "s.png")):
        terminal.run("data", *words).check()
        if words[0] != "show":
            terminal.run("data", *words, "--json").check()


def seal(run: Path) -> None:
    """Have the result of a run state the checksums that its files have now."""
    *lines, last = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    told = json.loads(last)
    found = told["result"]["sha256"]
    told["result"]["sha256"] = {name: hashlib.sha256((run / name).read_bytes()).hexdigest() for name in found}
    (run / "metrics.jsonl").write_text("\n".join([*lines, json.dumps(told)]) + "\n", encoding="utf-8")


def all_evil(value: Any) -> Any:
    """Every string of a document replaced."""
    if isinstance(value, list):
        return list(map(all_evil, value))
    if isinstance(value, dict):
        return {key: all_evil(one) for key, one in value.items()}
    return EVIL if isinstance(value, str) else value


HOSTILE: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "classes": lambda data: data | {"classes": [f"{at}{EVIL}" for at in range(4)], "sha256": {}},
    "name": lambda data: data | {"name": EVIL},
    "kind": lambda data: data | {"name": f"folder:{EVIL}", "licence": EVIL},
    "types": lambda data: data | {"classes": EVIL},
    "keys": lambda data: data | {EVIL: EVIL},
    "splits": lambda data: data | {"counts": {EVIL: 3}},
}


@pytest.mark.parametrize("which", [*HOSTILE, "env.json", "recipe.toml", "net.cnn"])
def test_a_run_from_elsewhere(terminal: Terminal, trained: tuple[Shown, Path], tmp_path: Path, which: str) -> None:
    run, image = tmp_path / "r", next((trained[1].parents[1] / "images" / CLASSES[1]).iterdir())
    shutil.copytree(trained[1], run)
    if which in HOSTILE:
        data = HOSTILE[which](json.loads((run / "data.json").read_text("utf-8")))
        (run / "data.json").write_text(json.dumps(data), encoding="utf-8")
    elif which == "env.json":
        (run / which).write_text(json.dumps(all_evil(json.loads((run / which).read_text("utf-8")))), encoding="utf-8")
    elif which == "recipe.toml":
        text = (run / which).read_text("utf-8").replace('name = "fast"', f"name = {json.dumps(EVIL)}")
        (run / which).write_text(text, encoding="utf-8")
    else:
        (run / which).write_text(f"input 8x8x3, {json.dumps(EVIL)}: gap, linear 4", encoding="utf-8")
    seal(run)
    for words in (
        ("eval", run),
        ("predict", run, image),
        ("predict", run, image, "--json"),
        ("look", run, "--what", "mistakes", "-o", tmp_path / "m.svg"),
        ("look", run, "--what", "saliency", "--image", image, "-o", tmp_path / "s.html"),
        ("report", run, "-o", tmp_path / "r.html"),
        ("compare", run, trained[1]),
        ("export", run, "-o", tmp_path / "w.safetensors"),
        ("activations", "--run", run),
        ("train", "--from", run, "--out", tmp_path, "--name", "again", "--quiet"),
    ):
        terminal.run(*words).check(bar=words[0] == "train")
    for path in (*tmp_path.glob("*.svg"), *tmp_path.glob("*.html"), *tmp_path.glob("again/*.md")):
        text = path.read_text(encoding="utf-8")
        assert is_quiet(text), path


def test_formulas_and_tags_are_text(terminal: Terminal, tmp_path: Path) -> None:
    names = ["=cmd|'/C calc'!A0", "@SUM(1+1)", "+1+1", "-1-1", "a;=1+1", "\uff1d1", '"=1', "<img src=x>", "[a](b)"]
    header = {
        name: {"dtype": "F32", "shape": [1], "data_offsets": [4 * at, 4 * at + 4]} for at, name in enumerate(names)
    }
    raw = json.dumps(header).encode()
    (tmp_path / "w.safetensors").write_bytes(len(raw).to_bytes(8, "little") + raw + bytes(4 * len(names)))
    text = terminal.run("table", tmp_path / "w.safetensors", "--to", "csv").text
    read = [row[0] for row in csv.reader(io.StringIO(text))][1:]
    assert read == [f"'{name}" if name[0] in "=@+-\uff1d" else name for name in names]
    assert '"a;=1+1"' in text  # some programs part cells at semicolons
    marked = terminal.run("table", tmp_path / "w.safetensors", "--to", "markdown").text
    assert "\\<img src=x\\>" in marked
    assert "\\[a\\](b)" in marked


def test_numbers_below_zero_stay_numbers(terminal: Terminal) -> None:
    rows = list(csv.DictReader(io.StringIO(terminal.run("table", "input 8x8x1, conv 2 3x3 p1", "--to", "csv").text)))
    assert rows[0]["start"] == "-1 -1"
