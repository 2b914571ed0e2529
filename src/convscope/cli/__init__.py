"""The command line: parses, calls the public API, prints. Data on stdout, messages on stderr.

Exit status: 0 done, 1 a check failed, 2 a mistake in the input, 130 interrupted, 141 the reader of the output has gone,
143 terminated.

Only modules that Python has loaded anyway are imported here, so that Ctrl-C is handled even while the rest is loaded.
"""

from __future__ import annotations

import _thread
import contextlib
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

__all__ = ["main", "run"]

INTERRUPTED, TERMINATED = 130, 143


class _Terminated(KeyboardInterrupt):
    """Raised for SIGTERM: drafts are removed on the way out, and no code mistakes it for an ordinary exit."""


_signalled: list[KeyboardInterrupt] = []
"""The error that a signal raised; a library that is being loaded may swallow it and fail in another way later."""

PATIENCE = 2.0
"""Delay of a signal while modules are loaded, since a C++ library that is initialising may abort [second]."""


def _interrupt(number: int, frame: FrameType | None) -> None:
    _stop(KeyboardInterrupt(), number, frame)


def _terminate(number: int, frame: FrameType | None) -> None:
    _stop(_Terminated(), number, frame)


def _stop(error: KeyboardInterrupt, number: int, frame: FrameType | None) -> None:
    """Raise the error, but not while modules are being loaded: the signal is then repeated a little later."""
    if not _signalled:
        _signalled.append(error)
        _until.append(time.monotonic() + PATIENCE)
    if _loading(frame) and time.monotonic() < _until[0]:
        _thread.start_new_thread(_again, (signal.Signals(number),))
        return
    raise _signalled[0]


_until: list[float] = []
"""Time at which a waiting signal is raised in any case."""


def _again(number: signal.Signals) -> None:
    time.sleep(0.02)
    _thread.interrupt_main(number)


def _loading(frame: FrameType | None) -> bool:
    """Return whether the program is importing a module."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib._bootstrap"):
            return True
        frame = frame.f_back
    return False


def run(arguments: list[str]) -> int:
    """Run one command and return its exit status; a mistake in the input prints one error."""
    try:
        from convscope.cli.commands import invoke

        return invoke(arguments)
    except BrokenPipeError:
        raise
    except KeyboardInterrupt as error:
        return _interrupted(error)
    except Exception as error:
        from convscope.cli.faults import interrupt_in, message
        from convscope.streams import tell

        interrupt = interrupt_in(error) or next(iter(_signalled), None)
        if interrupt is not None:
            return _interrupted(interrupt)
        told = message(error, arguments)
        if told is None:
            raise
        tell(told)
        return 2


def main() -> None:
    """The command ``convscope``."""
    try:
        signal.signal(signal.SIGTERM, _terminate)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # unless it is ignored
            signal.signal(signal.SIGINT, _interrupt)
        status = _finished(sys.argv[1:])
    except KeyboardInterrupt as error:
        status = _interrupted(error)
    if others := sys.modules.get("convscope.frontends.aside"):
        others.from_now_on()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python may take a second to end, and would print a traceback
    sys.exit(status)


def _finished(arguments: list[str]) -> int:
    """Run one command, and flush its output."""
    from convscope import streams, threads

    streams.prepare()
    threads.wait_passively()
    try:
        status = run(arguments)
        if sys.stdout:
            sys.stdout.flush()
    except BrokenPipeError:  # the reader of the output has gone
        streams.drop(sys.stdout)
        status = streams.READER_GONE
    except OSError as error:
        streams.tell(f"the output cannot be written: {error.strerror or error}")
        streams.drop(sys.stdout)
        status = 2
    try:
        if sys.stderr:
            sys.stderr.flush()
    except OSError:
        streams.drop(sys.stderr)
    return status


def _interrupted(error: BaseException) -> int:
    terminated = isinstance(error, _Terminated)
    with contextlib.suppress(AttributeError, OSError, ValueError):  # standard error may be closed
        sys.stderr.write("terminated\n" if terminated else "interrupted\n")
    return TERMINATED if terminated else INTERRUPTED
