"""The command line: parses, calls the public API, prints. Data on stdout, messages on stderr.

Exit status: 0 done, 1 a check failed, 2 a mistake in the input, 130 interrupted, 141 nobody reads the output any more,
143 terminated.

Nothing is imported here but what Python has loaded anyway: who presses Ctrl-C while the rest is loaded is answered
like everybody else.
"""

from __future__ import annotations

import contextlib
import signal
import sys

__all__ = ["main", "run"]

INTERRUPTED, TERMINATED = 130, 143


def run(arguments: list[str]) -> int:
    """Run one command and return its exit status; a mistake in the input prints one error."""
    try:
        from convscope.cli.commands import invoke

        return invoke(arguments)
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        return _interrupted()
    except Exception as error:
        from convscope.cli.faults import is_interrupt, message
        from convscope.streams import tell

        if is_interrupt(error):
            return _interrupted()
        told = message(error, arguments)
        if told is None:
            raise
        tell(told)
        return 2


def main() -> None:
    """The command ``convscope``."""
    try:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))  # so that what is half made is removed
        status = _finished(sys.argv[1:])
    except KeyboardInterrupt:
        status = _interrupted()
    if others := sys.modules.get("convscope.frontends.aside"):
        others.from_now_on()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python may take a second to end, and would print where it is
    sys.exit(status)


def _finished(arguments: list[str]) -> int:
    """Run one command and see to it that what it printed is out."""
    from convscope import streams

    streams.prepare()
    try:
        status = run(arguments)
        if sys.stdout:
            sys.stdout.flush()
    except BrokenPipeError:  # nothing is left to say
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


def _interrupted() -> int:
    with contextlib.suppress(AttributeError, OSError, ValueError):  # standard error may be closed
        sys.stderr.write("interrupted\n")
    return INTERRUPTED
