"""Code of the user's own that raises what nobody expects: one error of ours, status 2, and no traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import convscope as cs
from convscope.cli import run
from convscope.errors import ModelError
from convscope.frontends.others import described

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.faults

MODULE = """
import sys, torch
class B(BaseException): pass
class E(Exception):
    def __str__(self): raise ValueError('boo')
class M(torch.nn.Module):
    def forward(self, x): {}
def make(): return M()
"""

CODE: dict[str, tuple[str, str]] = {
    "a text that raises": (
        "class E(Exception):\n    def __str__(self): raise ValueError('boo')\ndef make(): raise E()",
        "cannot be created: E\n",
    ),
    "a text that ends the program": (
        "import sys\nclass E(Exception):\n    def __str__(self): sys.exit(7)\ndef make(): raise E()",
        "cannot be created: E\n",
    ),
    "a text that is a number": (
        "class E(Exception):\n    def __str__(self): return 7\ndef make(): raise E()",
        "cannot be created: E\n",
    ),
    "a text of 10 MB": ("def make(): raise ValueError('x' * 10**7)", f"cannot be created: ValueError: {'x' * 200}\n"),
    "a class with a long name": ("def make(): raise type('E' * 10**6, (Exception,), {})('a')", f"{'E' * 60}: a\n"),
    "a class whose name raises": (
        (
            "class M(type):\n    @property\n    def __name__(cls): raise RuntimeError\n"
            "class E(Exception, metaclass=M): pass\ndef make(): raise E('a')"
        ),
        "cannot be created: E: a\n",
    ),
    "an error that lies about its class": (
        "class E(BaseException):\n    __class__ = property(lambda self: 1 / 0)\ndef make(): raise E('a')",
        "cannot be created: E: a\n",
    ),
    "no exception": ("class B(BaseException): pass\ndef make(): raise B('x')", "cannot be created: B: x\n"),
    "no exception, while imported": ("class B(BaseException): pass\nraise B('x')", "cannot be created: B: x\n"),
    "the end of a generator": ("def make(): raise GeneratorExit", "cannot be created: GeneratorExit\n"),
    "the end": ("import sys\ndef make(): sys.exit(7)", "cannot be created: SystemExit: 7\n"),
    "the end, while imported": ("import sys\nsys.exit()", "cannot be created: SystemExit\n"),
    "the end in forward": (MODULE.format("sys.exit(7)"), "the model does not run: SystemExit: 7\n"),
    "no exception in forward": (MODULE.format("raise B('x')"), "the model does not run: B: x\n"),
    "a text that raises in forward": (MODULE.format("raise E()"), "does not run on 8x8x3: E\n"),
    "the end in a hook": (
        (
            "import sys, torch\ndef make():\n    m = torch.nn.ReLU()\n"
            "    m.register_forward_hook(lambda *_: sys.exit(7))\n    return m"
        ),
        "the model does not run: SystemExit: 7\n",
    ),
    "the end in an example": (
        (
            "import torch\nclass S:\n    @property\n    def shape(self): raise SystemExit(7)\n"
            "def make(): return torch.nn.ReLU(), (S(),)"
        ),
        "cannot be created: SystemExit: 7\n",
    ),
    "a module that is not one yet": (
        "import torch\nclass make(torch.nn.Module):\n    def __init__(self): pass\n    def forward(self, x): return x",
        "cannot be read: AttributeError",
    ),
    "3000 modules in each other": (
        (
            "import torch\ndef make():\n    m = torch.nn.ReLU()\n"
            "    for _ in range(3000): m = torch.nn.Sequential(m)\n    return m"
        ),
        "cannot be read: RecursionError",
    ),
    "a coroutine": ("async def make(): return 1", "is a coroutine\n"),
    "a generator": ("def make():\n    yield 1", "a net cannot be read from generator\n"),
    "nothing": ("def make(): pass", "a net cannot be read from NoneType\n"),
    "an attribute that ends the program": (
        "class M:\n    def __getattr__(self, name): raise SystemExit(7)\ndef make(): return M()",
        "cannot be read from M\n",
    ),
    "further arguments": ("def make(a): return a", "missing 1 required positional argument"),
    "itself": ("def make(): return make()", "cannot be created: RecursionError"),
}


@pytest.mark.parametrize("name", CODE)
@pytest.mark.filterwarnings("error")
def test_code(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, words = CODE[name]
    path = tmp_path / "net.py"
    path.write_text(code)
    assert run(["table", f"{path}:make", "--input", "8x8x3"]) == 2
    told = capfd.readouterr()
    assert told.out == ""
    assert words in told.err
    assert "Traceback" not in told.err


def test_in_python_it_is_the_same_error(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(CODE["the end in forward"][0])
    with pytest.raises(ModelError, match="does not run: SystemExit: 7"):
        cs.read(f"{path}:make", input="8x8x3")


@pytest.mark.parametrize("stop", ["KeyboardInterrupt", "SystemExit(143)"])
def test_who_is_told_to_stop_stops(stop: str, tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(f"def make(): raise {stop}")
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        cs.read(f"{path}:make", input="8x8x3")


def test_an_error_that_says_nothing() -> None:
    assert described(ValueError("")) == "ValueError"
    assert described(ValueError("\n\n  a\nb")) == "ValueError: a"


def test_what_is_printed_late_is_not_data(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(
        "import atexit, os, torch\nprint('imported')\n"
        "atexit.register(lambda: (print('bye'), os.write(1, b'raw')))\ndef make(): return torch.nn.ReLU()"
    )
    call = [sys.executable, "-m", "convscope", "table", f"{path}:make", "--input", "8x8x3", "--json"]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["schema"]
    assert all(word in done.stderr for word in ("imported", "bye", "raw"))
