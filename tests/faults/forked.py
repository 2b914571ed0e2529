"""A process that has everything imported and loaded, and runs commands in children of its own: a run takes a second.

Reads lines of JSON ``{"args": [...], "env": {...}, "after": seconds or null, "signal": number}`` and answers each with
``{"status": ..., "out": ..., "err": ...}``. With ``after`` the child gets the signal when it has spent that much of the
processor's time, from the moment when there is something in the file ``when``, if one is named; with ``patience`` it
ends when it has taken so many seconds, with the status -14; when it asks the network for anything, with the status 99.
With ``encoding`` its streams have that one, and the command is started as the program starts it; ``stdin`` names a
file, ``cwd`` the folder in which it runs. With ``limits`` it prints into pipes, which a limit on files does not reach:
64 KiB at most. With ``here`` there is no child: what follows need not be loaded again.
"""

import gc
import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import psutil

import clock

TRAINED, TESTED = 640, 100
"""Images."""

OWN = "own"
"""Argument with which the data sets are what they are, not a part of MNIST; everything that uses a run is loaded."""

ASKED = 99


def main() -> None:
    """Serve until standard input ends."""
    import torch

    torch.set_num_threads(1)
    from convscope.cli import run
    from convscope.data import registry
    from convscope.training import train

    assert train
    if OWN in sys.argv:
        _load_all()
    else:
        _small_mnist(registry)
    gc.freeze()  # a collection in a child would have to copy all that is loaded
    _say({"ready": True})
    for line in sys.stdin:
        told = json.loads(line)
        if told.get("here"):
            with redirect_stdout(io.StringIO()) as said:
                status = run(told["args"])
            gc.freeze()
            _say({"status": status, "out": said.getvalue(), "err": ""})
            continue
        with _pipes() if "limits" in told else _files() as (ends, printed):
            status = _child(told, ends, run)
            out, err = (content.decode("utf-8", errors="replace") for content in printed())
        _say({"status": status, "out": out, "err": err})


@contextmanager
def _files() -> Iterator[tuple[list[int], Callable[[], list[bytes]]]]:
    """Two files for what a child prints, and what is in them."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        ends = [out.fileno(), err.fileno()]
        yield ends, lambda: [os.pread(one, os.fstat(one).st_size, 0) for one in ends]


@contextmanager
def _pipes() -> Iterator[tuple[list[int], Callable[[], list[bytes]]]]:
    """Two pipes for it."""
    pipes = [os.pipe(), os.pipe()]
    for here, _ in pipes:
        os.set_blocking(here, False)

    def printed() -> list[bytes]:
        for _, there in pipes:
            os.close(there)
        return [os.read(here, 2**16) for here, _ in pipes]

    yield [there for _, there in pipes], printed
    for here, _ in pipes:
        os.close(here)


def _load_all() -> None:
    """Whatever the commands load while they run."""
    import convscope.cli.commands
    import convscope.lens.look
    import convscope.reporting.report
    import convscope.training.export
    import convscope.training.paired
    import convscope.training.predict
    from convscope.cli import run

    with redirect_stdout(io.StringIO()):
        run(["verify", "input 8x8x1, conv 2 3x3"])  # torch loads a compiler when it counts
    assert convscope


def _small_mnist(registry: Any) -> None:
    mnist = registry.find("mnist")
    known = {}
    for name, count in (("train", TRAINED), ("test", TESTED)):
        whole = registry.load(mnist, name)
        known[name] = registry.Split(whole.images[:count], whole.labels[:count])
    setattr(registry, "load", lambda _, split: known[split])  # noqa: B010 -- no assignment, for the type checker


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _child(told: dict[str, Any], ends: list[int], run: Any) -> int:
    number = os.fork()
    if number == 0:
        for end, stream in zip(ends, (sys.stdout, sys.stderr), strict=True):
            os.dup2(end, stream.fileno())
        os.environ.update(told.get("env", {}))
        os.chdir(told.get("cwd", "."))
        if "stdin" in told:
            os.dup2(os.open(told["stdin"], os.O_RDONLY), 0)
        import crashing  # type: ignore[import-not-found]  # lies beside this program

        if crashing.VARIABLE in os.environ:
            crashing.install()
        for limit, value in told.get("limits", {}).items():
            import resource

            sys.dont_write_bytecode = True
            resource.setrlimit(getattr(resource, limit), (value, value))
        for name in ("connect", "connect_ex", "sendto"):
            setattr(socket.socket, name, _asked)
        socket.getaddrinfo = _asked
        signal.alarm(told.get("patience", 0))
        try:
            status = _main(told) if "encoding" in told else run(told["args"])
        except BaseException:  # noqa: BLE001 -- the child ends here
            traceback.print_exc()
            status = 70
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    if told.get("after") is not None:
        _wait_for(told.get("when"))
        _let_spend(number, told["after"])
        os.kill(number, told.get("signal", signal.SIGKILL))
    _, code = os.waitpid(number, 0)
    return os.waitstatus_to_exitcode(code)


def _let_spend(number: int, seconds: float) -> None:
    """Until a child has spent some more of the processor's time, or has ended: a busy machine changes nothing."""
    child = psutil.Process(number)
    until = sum(child.cpu_times()[:2]) + seconds
    while child.status() != psutil.STATUS_ZOMBIE and sum(child.cpu_times()[:2]) < until:
        time.sleep(0.002)


def _main(told: dict[str, Any]) -> int:
    """The whole program, as if ``PYTHONIOENCODING`` were set."""
    from convscope.cli import main as program

    sys.stdout.reconfigure(encoding=told["encoding"])  # type: ignore[union-attr]
    sys.stderr.reconfigure(encoding=told["encoding"], errors="backslashreplace")  # type: ignore[union-attr]
    sys.argv = ["convscope", *told["args"]]
    try:
        program()
    except SystemExit as done:
        return int(done.code or 0)
    return 0


def _wait_for(path: str | None) -> None:
    """Until there is something in a file."""
    until = time.monotonic() + clock.HANG
    while path and time.monotonic() < until and not (Path(path).exists() and Path(path).stat().st_size):
        time.sleep(0.005)


def _asked(*_: Any, **__: Any) -> Any:
    """Somebody asks the network."""
    traceback.print_stack()
    sys.stderr.flush()
    os._exit(ASKED)


class Forked:
    """Such a process.

    Args:
        own: with data sets as they are.
        env: of the process.
    """

    def __init__(self, *, own: bool = False, env: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, *([OWN] if own else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=clock.environment(OMP_NUM_THREADS="1", **(env or {})),
        )
        assert self._answer()["ready"]

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], clock.HANG)
        assert ready, "no answer"
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found

    def run(self, *args: str | Path, **told: Any) -> dict[str, Any]:
        """Run one command in a child."""
        assert self.process.stdin is not None
        plain = ("--no-report",) if args[0] == "train" else ()  # its page is another test's affair
        self.process.stdin.write(json.dumps({"args": list(map(str, (*args, *plain))), **told}) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """No more commands."""
        self.process.communicate()


if __name__ == "__main__":
    main()
