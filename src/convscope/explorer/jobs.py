"""The pool that answers questions: two at a time, sixteen that wait, and no more."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")

WORKERS, QUEUE = 2, 16
"""The most questions that are answered at a time, and that wait."""

RETRY = 2
"""When to ask again if the queue is full [second]."""


class BusyError(Exception):
    """The queue is full."""


class GoneError(Exception):
    """The client that asked has left."""


class Pool:
    """Threads for work that takes more than a moment, used from one event loop.

    Args:
        workers: the most jobs that run at a time.
        queue: the most jobs that wait.
    """

    def __init__(self, workers: int = WORKERS, queue: int = QUEUE) -> None:
        self.most: int = workers + queue
        self.inside: int = 0
        self._ended = asyncio.Event()
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="convscope-explore")

    async def run(self, work: Callable[[], T], gone: Callable[[], Coroutine[Any, Any, object]]) -> T:
        """Return the result of some work, or raise its error.

        Args:
            work: is called in a thread, with the context of this task.
            gone: waits until the client leaves; work that has not begun is then dropped.

        Raises:
            BusyError: the queue is full, or the server ends.
            GoneError: the client has left.
        """
        if self.inside >= self.most or self._ended.is_set():
            raise BusyError
        self.inside += 1
        job = self._threads.submit(copy_context().run, work)
        loop = asyncio.get_running_loop()
        job.add_done_callback(lambda _: self._left(loop))
        found: asyncio.Future[Any] = asyncio.wrap_future(job)
        waiting = {found, asyncio.create_task(gone()), asyncio.create_task(self._ended.wait())}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if not found.done() or found.cancelled():
                raise BusyError if self._ended.is_set() else GoneError
            result: T = found.result()
            return result
        finally:
            job.cancel()  # if it still waits
            for one in waiting:
                one.cancel()

    def _left(self, loop: asyncio.AbstractEventLoop) -> None:
        """Count a job that has ended, in the thread of the loop."""
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._count)

    def _count(self) -> None:
        self.inside -= 1

    def end(self) -> None:
        """Drop what waits, in the thread of the loop; what runs ends by itself, unheard."""
        self._ended.set()
        self._threads.shutdown(wait=False, cancel_futures=True)
