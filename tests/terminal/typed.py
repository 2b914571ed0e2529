"""A typist: runs commands in a pseudo-terminal, each in a process forked from one that is warm.

Read from standard input: for each command one JSON line ``{"arguments": [...], "width": 80, "env": {...}, "folder":
"...", "keys": "..."}``. Written to standard output: for each one JSON line ``{"out": ..., "rc": ..., "cpu": ...}``.
"""

import fcntl
import gc
import json
import os
import pty
import select
import struct
import sys
import termios
import time

PATIENCE = 60.0
"""Seconds after which a command is stopped."""


def typed(arguments: list[str], width: int, env: dict[str, str], folder: str, keys: str) -> tuple[str, int, float]:
    """What a command prints on a terminal of ``width`` letters, both streams together, its exit status, its CPU [s]."""
    size = struct.pack("HHHH", 50, width, 0, 0)
    child, screen = pty.fork()
    if child == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, size)
        _run(arguments, env, folder)
    fcntl.ioctl(screen, termios.TIOCSWINSZ, size)
    if keys:
        os.write(screen, f"{keys}\n\x04".encode())
    shown = b""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if select.select([screen], [], [], 0.5)[0]:
            try:
                part = os.read(screen, 65536)
            except OSError:  # the child has closed its end
                break
            if not part:
                break
            shown += part
    else:
        os.kill(child, 9)
    _, status, used = os.wait4(child, 0)
    os.close(screen)
    return shown.decode("utf-8", "replace"), os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime


def _run(arguments: list[str], env: dict[str, str], folder: str) -> None:
    """In the child: the command as it is started from a shell; never returns."""
    from convscope.cli import main

    sys.stdin = os.fdopen(0, encoding="utf-8")  # the typist's own holds lines that it has read ahead
    os.chdir(folder)
    os.environ.pop("COLUMNS", None)
    os.environ.update(env)
    sys.argv = ["convscope", *arguments]
    status = 1
    try:
        main()
    except SystemExit as done:
        status = int(done.code or 0) if isinstance(done.code, int | None) else 1
    except BaseException:  # noqa: BLE001 -- what Python would print
        import traceback

        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)


def _warm() -> None:
    """Load what most commands load, once."""
    import convscope.cli.commands
    import convscope.lens.look
    import convscope.training.train  # noqa: F401 -- torch, above all


def main() -> None:
    """Answer every line."""
    _warm()
    gc.freeze()  # a collection in a child would have to copy all that is loaded
    for line in sys.stdin:
        asked = json.loads(line)
        out, status, seconds = typed(**asked)
        sys.stdout.write(json.dumps({"out": out, "rc": status, "cpu": seconds}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
