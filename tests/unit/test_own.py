"""Models of the user's own code: files, packages, modules; and what such code prints."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import convscope as cs
from convscope.cli import run
from convscope.errors import ConvscopeError, ModelError, UnknownNameError
from convscope.frontends.aside import aside

CONV = "import torch\nimport torch.nn as nn\n"


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def params(source: str, size: str | None = "8x8x3") -> int:
    return cs.read(source, input=size).table().params.value


PACKAGE = {
    "pkg/__init__.py": "",
    "pkg/layers.py": "W = 8\n",
    "pkg/sub/__init__.py": "from ..layers import W as DOUBLE\n",
    "pkg/sub/net.py": f"{CONV}from ..layers import W\nfrom . import DOUBLE\nfrom pkg.layers import W as SAME\n"
    "def make():\n    assert W == SAME == DOUBLE\n    return nn.Conv2d(3, W, 3)\n"
    "class Net(nn.Conv2d):\n    def __init__(self):\n        super().__init__(3, W, 3)\n"
    "    @classmethod\n    def small(cls):\n        return nn.Conv2d(3, 1, 3)\n",
}


def test_relative_imports_work_in_a_package(tmp_path: Path) -> None:
    path = written(tmp_path, PACKAGE) / "pkg/sub/net.py"
    assert params(f"{path}:make") == params(f"{path}:Net") == 224
    assert params(f"{path}:Net.small") == 28


def test_relative_imports_work_beside_a_file_in_no_package(tmp_path: Path) -> None:
    written(tmp_path, {"a.py": f"{CONV}from .b import W\nnet = nn.Conv2d(3, W, 3)\n", "b.py": "W = 2\n"})
    assert params(f"{tmp_path}/a.py:net") == 56


def test_two_packages_of_one_name_do_not_meet(tmp_path: Path) -> None:
    for width in (2, 4):
        text = f"{CONV}from .layers import W\nmake = lambda: nn.Conv2d(3, W, 3)\n"
        files = {"models/__init__.py": "", "models/layers.py": f"W = {width}\n", "models/net.py": text}
        folder = written(tmp_path / str(width), files)
        assert params(f"{folder}/models/net.py:make") == 28 * width


def test_a_file_is_read_anew_and_a_package_that_cannot_be_imported_is_no_hindrance(tmp_path: Path) -> None:
    files = {"broken/__init__.py": "import nowhere_at_all\n", "broken/net.py": f"{CONV}net = nn.Conv2d(3, 1, 3)\n"}
    path = written(tmp_path, files) / "broken/net.py"
    assert params(f"{path}:net") == 28
    path.write_text(f"{CONV}net = nn.Conv2d(3, 10, 3)\n", encoding="utf-8")
    assert params(f"{path}:net") == 280
    assert not [name for name in sys.path if name.startswith(str(tmp_path))]


def test_a_package_may_have_the_name_of_an_installed_one(tmp_path: Path) -> None:
    files = {
        "numpy/__init__.py": "",
        "numpy/w.py": "W = 3",
        "numpy/net.py": f"{CONV}from .w import W\nnet = nn.Conv2d(3, W, 3)",
    }
    assert params(f"{written(tmp_path, files)}/numpy/net.py:net") == 84
    assert sys.modules["numpy"].__version__


def test_modules_by_their_dotted_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(
        written(
            tmp_path,
            {f"own_{name}": text for name, text in PACKAGE.items()}
            | {
                "own_one.py": CONV
                + "class Net(nn.Conv2d):\n    def __init__(self):\n        super().__init__(3, 1, 1)\n"
            },
        )
    )
    assert params("own_one:Net") == 4
    assert cs.read("torch.nn:ReLU", input="8x8x3").output == (3, 8, 8)
    with pytest.raises(ModelError, match="there is no module own_none"):
        cs.read("own_none:make")
    with pytest.raises(ModelError, match=r"there is no module own_one\.part"):
        cs.read("own_one.part:make")
    with pytest.raises(UnknownNameError) as caught:
        cs.read("own_one:Nett")
    assert caught.value.attempt == "own_one:Net"
    with pytest.raises(ModelError, match="is of type str"):
        cs.read("own_one:__name__")
    (tmp_path / "own_bad.py").write_text("import nothing_of_that_name\n", encoding="utf-8")
    with pytest.raises(ModelError, match=r"cannot be created: ModuleNotFoundError: No module named 'nothing_of"):
        cs.read("own_bad:make")


def test_a_model_may_bring_its_input(tmp_path: Path) -> None:
    text = f"{CONV}net = nn.Conv2d(3, 1, 3)\n"
    text += (
        "tensor = lambda: (net, torch.zeros(1, 3, 9, 7))\nshape = (net, (1, 3, 9, 7))\nwords = lambda: (net, '9x7x3')\n"
    )
    text += "def bad():\n    return net, 5\n"
    path = written(tmp_path, {"m.py": text}) / "m.py"
    for name in ("tensor", "shape", "words"):
        assert cs.read(f"{path}:{name}").output == (1, 7, 5)
        assert cs.read(f"{path}:{name}", input="5x5x3").output == (1, 3, 3)
    with pytest.raises(ConvscopeError, match="5 is not a size"):
        cs.read(f"{path}:bad")


TWO = f"""{CONV}
class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 2, 3)
    def forward(self, rgb, depth):
        return self.conv(torch.cat([rgb, depth], 1))
tensors = lambda: (Two(), (torch.zeros(1, 3, 9, 7), torch.zeros(1, 1, 9, 7)))
named = lambda: (Two(), {{"depth": "9x7x1", "rgb": "9x7x3"}})
"""


@pytest.mark.parametrize("name", ["tensors", "named"])
def test_a_model_may_bring_several_inputs(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, {"m.py": TWO}) / "m.py"
    net = cs.read(f"{path}:{name}")
    assert [(one.name, one.shape) for one in net.inputs] == [("rgb", (3, 9, 7)), ("depth", (1, 9, 7))]
    assert net.output == (2, 7, 5)


def test_a_file_without_a_name_says_what_is_in_it(tmp_path: Path) -> None:
    text = "import nowhere\nclass Net(Base):\n    def __init__(self, width):\n        pass\ndef helper(x): pass\n"
    path = (
        written(tmp_path, {"m.py": text + "def other(): pass\ndef make_net(width=3): pass\n", "e.py": "(\n"}) / "m.py"
    )
    for source in (path, str(path)):
        with pytest.raises(ModelError, match="is a Python file") as caught:
            cs.read(source)
        assert caught.value.attempt == f"{path}:make_net"
    with pytest.raises(ModelError, match="is a Python file") as caught:
        cs.read(tmp_path / "e.py")
    assert "FILE.py:FUNCTION" in caught.value.attempt


def test_a_model_that_does_not_run_is_made_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, {"m.py": LOUD}) / "m.py"
    assert run(["table", f"{path}:make", "--input", "8x8x5"]) == 2
    assert capsys.readouterr().err.count("made") == 1


LOUD = f"""import os, subprocess
{CONV}
print("imported")
class Net(nn.Conv2d):
    def forward(self, x):
        print("run")
        return super().forward(x)
def make():
    print("made")
    os.system("echo from a shell")
    os.write(1, b"written\\n")
    import sys
    sys.__stdout__.write("past it\\n")
    return Net(3, 8, 3)
"""


def test_what_a_model_prints_goes_to_standard_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, {"m.py": LOUD}) / "m.py"
    for arguments in (
        ["table", "--json"], ["table", "--to", "csv"], ["verify", "--units", "1", "--json"], ["memory", "--json"],
        ["write", "--to", "torch"], ["write"],
    ):  # fmt: skip
        command, *options = arguments
        assert run([command, f"{path}:make", "--input", "8x8x3", *options]) == 0
        out, err = capsys.readouterr()
        assert not {"imported", "run", "made"} & set(out.splitlines())
        assert {"imported", "run", "made"} <= set(err.splitlines())
        if "--json" in options:
            json.loads(out)


def test_what_other_programs_print_for_a_model_goes_there_too(tmp_path: Path) -> None:
    path = written(tmp_path, {"m.py": LOUD}) / "m.py"
    command = [sys.executable, "-m", "convscope", "table", f"{path}:make", "--input", "8x8x3", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["total"]["params"] == 224
    assert {"made", "from a shell", "written", "past it", "run"} <= set(done.stderr.splitlines())


def test_streams_come_back_whoever_leaves_first(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout
    inside, done = threading.Event(), threading.Event()

    def other() -> None:
        with aside():
            inside.set()
            done.wait(10)
            sys.stdout.write("other\n")

    thread = threading.Thread(target=other)
    with aside():
        thread.start()
        inside.wait(10)
        sys.stdout.write("one\n")
    done.set()
    thread.join()
    assert sys.stdout is before
    sys.stdout.write("data\n")
    assert capsys.readouterr() == ("data\n", "one\nother\n")


def test_empty_parentheses_do_no_harm(tmp_path: Path) -> None:
    path = written(tmp_path, {"m.py": f"{CONV}def make():\n    return nn.Conv2d(3, 1, 3)\n"}) / "m.py"
    assert params(f"{path}:make()") == 28


def test_what_was_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"{CONV}class Net(nn.Conv2d):\n    def __init__(self, width):\n        super().__init__(3, width, 3)\n"
    monkeypatch.chdir(
        written(tmp_path, {"own_nets/__init__.py": "", "own_nets/mine.py": text, "a, b.cnn": "input 8x8x1, relu"})
    )

    def told(source: object) -> ConvscopeError:
        with pytest.raises(ConvscopeError) as caught:
            cs.read(source, input="8x8x3")
        return caught.value

    assert told("own_nets.mine.Net").attempt == "own_nets.mine:Net"
    assert told("own_nets/mine:Net").attempt == "own_nets/mine.py:Net"
    assert told("nowhere.mine.Net").attempt == ""
    for source in ("own_nets/mine.py::Net", "own_nets.mine:Net"):
        error = told(source)
        assert "missing 1 required positional argument: 'width'" in error.what
        assert "without arguments" in error.expected
    assert "is an address" in told("https://example.org/model.onnx").what
    from torch.nn import ReLU

    assert told(ReLU).attempt.startswith("ReLU()")
    assert "cannot be read from dict" in told({}).what
    assert cs.read("a, b.cnn").output == (1, 8, 8)


def test_the_current_folder_comes_last_for_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "random.py": "raise ImportError",
        "own_shared.py": "W = 6\n",
        "sub/m.py": f"{CONV}import random\nfrom own_shared import W\nnet = nn.Conv2d(3, W, 3)\n",
    }
    monkeypatch.chdir(written(tmp_path, files))
    monkeypatch.setattr(sys, "path", [*sys.path[:1], str(tmp_path / "elsewhere"), *sys.path[1:]])
    before = list(sys.path)
    assert params("sub/m.py:net") == 168
    assert sys.path == before
