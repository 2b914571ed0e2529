"""Commands on a terminal of their own: what arrives there, byte for byte.

A process that has everything imported runs each command in a child whose standard output and error are a pseudo
terminal that changes nothing.
"""

import gc
import json
import os
import pty
import re
import subprocess
import sys
import tty
from dataclasses import dataclass
from pathlib import Path

EVIL = "\x1b[31mE\x1b]0;title\x07\u202e\u2066\u2028\x9b2J\x7f\r\n\tModelError: forged\n\u061cModelError: forged"
"""Colour, title, bell, marks of direction, line separators, C1, DEL, and lines that look like ours."""

OURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
"""What the bar of progress writes itself."""

STYLED = re.compile(r"\x1b\[(?:1|2|33)m([^\x1b\n]*)\x1b\[0m")
"""A piece of a table in bold, faint or yellow, which ends on its line; EVIL has another colour, and no end."""

BEGUN = re.compile(r"^\s*ModelError: forged", re.MULTILINE)


def is_quiet(text: str) -> bool:
    """Whether a text consists of what is seen, and of ends of lines."""
    return all(char.isprintable() or char == "\n" for char in text)


@dataclass(frozen=True)
class Shown:
    """What a command put on the terminal."""

    status: int
    text: str

    def check(self, *, bar: bool = False) -> None:
        """Nothing in it acts, hides, or is a line that a file has forged; the command ended as commands end."""
        text = STYLED.sub(r"\1", self.text)
        text = OURS.sub("", text) if bar else text
        assert is_quiet(text), ascii(text)
        assert not BEGUN.search(text), text
        assert "Traceback" not in text, text
        assert self.status in {0, 1, 2}, (self.status, text)


class Terminal:
    """Such a process."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert self._answer() == "ready"

    def _answer(self) -> object:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def run(self, *args: str | Path, cwd: str | Path = ".", env: dict[str, str] | None = None) -> Shown:
        """Run one command, with more variables in its environment."""
        assert self.process.stdin is not None
        told = {"args": list(map(str, args)), "cwd": str(cwd), "env": env or {}}
        self.process.stdin.write(json.dumps(told) + "\n")
        self.process.stdin.flush()
        answer = self._answer()
        assert isinstance(answer, dict)
        return Shown(answer["status"], answer["text"])

    def close(self) -> None:
        """No more commands."""
        self.process.communicate()


def main() -> None:
    """Serve until standard input ends."""
    import torch

    torch.set_num_threads(1)
    from convscope.cli import commands
    from convscope.training import train

    assert commands
    assert train
    gc.freeze()  # a collection in a child would have to copy all that is loaded
    _say("ready")
    for line in sys.stdin:
        told = json.loads(line)
        status, output = _child(**told)
        _say({"status": status, "text": output.decode("utf-8", "surrogateescape")})


def _say(answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _child(args: list[str], cwd: str, env: dict[str, str]) -> tuple[int, bytes]:
    here, there = pty.openpty()
    tty.setraw(there)
    number = os.fork()
    if number == 0:
        os.close(here)
        os.chdir(cwd)
        os.environ.update(env)
        for target, source in ((0, os.open(os.devnull, os.O_RDONLY)), (1, there), (2, there)):
            os.dup2(source, target)
        sys.argv = ["convscope", *args]
        try:
            from convscope.cli import main as command

            command()
        except SystemExit as done:
            os._exit(done.code if isinstance(done.code, int) else 1)
        except BaseException:  # noqa: BLE001 -- the child ends here, whatever it was
            sys.excepthook(*sys.exc_info())
        os._exit(99)
    os.close(there)
    parts = []
    while part := _read(here):
        parts.append(part)
    os.close(here)
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]), b"".join(parts)


def _read(place: int) -> bytes:
    try:
        return os.read(place, 65536)
    except OSError:  # the other end is closed
        return b""


if __name__ == "__main__":
    main()
