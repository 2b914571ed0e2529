"""What does the explorer's server answer under load, with slow clients, and after a long time?

A server in a process of its own is asked by 100 tabs, each with a connection that is kept, at 50 requests a second
altogether, a fifth of them nets to be read, whose answers are checked; 20 tabs listen to reports. Then 200 clients send
half of a header and wait, while others are answered.

    python benchmarks/server.py [MINUTES]

MINUTES of load, by default 10; the memory of the server is compared after a tenth of them and at the end.
"""

import asyncio
import contextlib
import json
import re
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field

import psutil

from machine import machine

NET = "input 28x28x1, conv 16 3x3 bn relu, maxpool 2, conv 32 3x3 bn relu, gap, linear 10"
TABS, STREAMS, RATE, QUESTIONS = 100, 20, 50, 5
"""Tabs, those that listen, requests a second, and which of them is a question."""
NETS = 512
"""Different nets that are asked for in turn; facts about 4,096 layers are kept, which is not a leak."""
HALF_OPEN = 200
PATHS = ("", "page.css", "page.js", "document")


@dataclass
class Server:
    """Where the server is, and what it hands out."""

    port: int
    path: str
    cookie: str

    def head(self, method: str, path: str, *more: str) -> bytes:
        """The head of a request of the page itself."""
        lines = [f"{method} {self.path}{path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", f"Cookie: {self.cookie}"]
        return "\r\n".join([*lines, "Sec-Fetch-Site: same-origin", *more, "", ""]).encode()


@dataclass
class Tab:
    """A page with one connection, which sends one request after the other."""

    server: Server
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    reader: asyncio.StreamReader | None = None
    writer: asyncio.StreamWriter | None = None

    async def ask(self, sent: bytes) -> tuple[int, bytes]:
        """Status and body of an answer; a connection that the server has closed meanwhile is opened again."""
        async with self.lock:
            for _ in range(2):
                try:
                    return await self._ask(sent)
                except (asyncio.IncompleteReadError, ConnectionError):
                    await self.close()
            return 0, b""

    async def _ask(self, sent: bytes) -> tuple[int, bytes]:
        if self.reader is None or self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        self.writer.write(sent)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        (size,) = re.findall(r"content-length: (\d+)", head)
        return int(head.split()[1]), await self.reader.readexactly(int(size))

    async def close(self) -> None:
        """Close the connection."""
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None


async def entered(url: str) -> Server:
    """Swap the token for the cookie."""
    port = int(re.findall(r":(\d+)/", url)[0])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /?token={url.partition('token=')[2]} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    text = (await reader.readuntil(b"</html>")).decode()
    writer.close()
    return Server(port, re.findall(r"url=(/\w+/)", text)[0], re.findall(r"set-cookie: (\w+=[\w-]+)", text)[0])


@dataclass
class Found:
    """What the load has measured: latencies [s], refusals, and questions with a wrong answer or none."""

    plain: list[float] = field(default_factory=list)
    questions: list[float] = field(default_factory=list)
    refused: int = 0
    lost: int = 0


async def one(tab: Tab, number: int, due: float, found: Found) -> None:
    """Send a request, and note the time since it was due."""
    question = number % QUESTIONS == 0
    channels = number // QUESTIONS % NETS + 1
    if question:
        body = json.dumps({"args": {"notation": NET.replace("conv 32", f"conv {channels}")}}).encode()
        kind = "Content-Type: application/json"
        sent = tab.server.head("POST", "call/read", kind, f"Content-Length: {len(body)}") + body
    else:
        sent = tab.server.head("GET", PATHS[number % len(PATHS)])
    status, text = await tab.ask(sent)
    (found.questions if question else found.plain).append(time.perf_counter() - due)
    found.refused += status != 200
    if question:
        found.lost += status != 200 or json.loads(text)["net"]["layers"][4]["out"][0] != channels


async def listen(server: Server) -> None:
    """Read a stream of reports until it is cancelled."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(server.head("GET", "events"))
    try:
        while await reader.read(65536):
            pass
    finally:
        writer.close()


async def load(server: Server, seconds: float, process: psutil.Process) -> tuple[Found, int, int]:
    """Ask at an even rate; what was measured, and the memory of the server after a tenth and at the end [byte]."""
    tabs = [Tab(server) for _ in range(TABS)]
    streams = [asyncio.create_task(listen(server)) for _ in range(STREAMS)]
    found, tasks, start, early = Found(), set(), time.perf_counter(), 0
    for number in range(int(seconds * RATE)):
        due = start + number / RATE
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        task = asyncio.create_task(one(tabs[number % TABS], number, due, found))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        if number == int(seconds * RATE / 10):
            early = process.memory_info().rss
    await asyncio.gather(*tasks)
    late = process.memory_info().rss
    for stream in streams:
        stream.cancel()
    await asyncio.gather(*streams, *(tab.close() for tab in tabs), return_exceptions=True)
    return found, early, late


async def closed(server: Server) -> float:
    """Send half of a header; the time until the server closes the connection [s]."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    start = time.perf_counter()
    writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
    with contextlib.suppress(ConnectionError):
        await reader.read()
    writer.close()
    return time.perf_counter() - start


async def slow(server: Server) -> tuple[list[float], list[float]]:
    """When each half-open connection ends, and what a good request takes on a new connection meanwhile [s]."""
    waiting = asyncio.gather(*(closed(server) for _ in range(HALF_OPEN)))
    good = []
    while not waiting.done():
        tab, start = Tab(server), time.perf_counter()
        status, _ = await tab.ask(server.head("GET", "document"))
        good.append(time.perf_counter() - start)
        assert status == 200
        await tab.close()
        await asyncio.sleep(0.1)
    return await waiting, good


def row(what: str, values: list[float]) -> str:
    """A line of the table."""
    percent = statistics.quantiles(values, n=100)
    median, high = statistics.median(values), percent[98]
    return f"| {what} | {len(values):,} | {1000 * median:.1f} | {1000 * high:.1f} | {1000 * max(values):.1f} |"


async def measured(url: str, minutes: float, process: psutil.Process) -> None:
    """Measure and print."""
    server = await entered(url)
    found, early, late = await load(server, 60 * minutes, process)
    ends, good = await slow(server)
    print(f"\n{TABS} tabs, {STREAMS} that listen, {RATE} requests/s for {minutes:g} minutes\n")
    print("| what | count | median ms | p99 ms | largest ms |\n|---|---:|---:|---:|---:|")
    print(row("all requests", found.plain + found.questions))
    print(row("page, script, styles, document", found.plain))
    print(row("nets read", found.questions))
    print(row(f"document while {HALF_OPEN} are half open", good))
    print(f"\nrefused {found.refused}, lost edits {found.lost}")
    print(f"memory {early / 2**20:.1f} MiB after a tenth, {late / 2**20:.1f} MiB at the end: {late / early - 1:+.1%}")
    print(f"half-open connections closed after {min(ends):.2f} to {max(ends):.2f} s")


def main() -> None:
    """Start the server, and measure."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    command = [sys.executable, "-m", "convscope", "explore", NET, "--no-open"]
    print(machine("starlette", "uvicorn"))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        try:
            asyncio.run(measured(process.stdout.readline().strip(), minutes, psutil.Process(process.pid)))
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
