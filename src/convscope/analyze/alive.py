"""Which tensors are alive at a step, and how many bytes these are, kept up to date rather than added up anew."""

from __future__ import annotations


class Ends:
    """Which tensors are read for the last time at which step; one may come to be read later."""

    def __init__(self, last: dict[str, int]) -> None:
        self.last: dict[str, int] = last
        self.names: dict[int, dict[str, None]] = {}
        for name, step in last.items():
            self.names.setdefault(step, {})[name] = None

    def move(self, name: str, step: int) -> None:
        """It is read until that step."""
        if self.last.get(name) != step:
            self.names.get(self.last.get(name, -1), {}).pop(name, None)
            self.last[name] = step
        self.names.setdefault(step, {})[name] = None

    def at(self, step: int) -> list[str]:
        """Those that are read no longer."""
        return list(self.names.pop(step, ()))


class There:
    """Tensors that are alive, or kept for the backward pass, each counted once; and how many bytes these are."""

    def __init__(self, alive: dict[str, int]) -> None:
        self.alive: dict[str, int] = alive
        self.kept: dict[str, int] = {}
        self.bytes = sum(alive.values())

    def live(self, name: str, size: int) -> None:
        """A tensor comes to life."""
        self.alive[name] = size
        self.bytes += 0 if name in self.kept else size

    def keep(self, name: str, size: int) -> None:
        """A tensor is kept."""
        self.bytes += 0 if name in self.kept or name in self.alive else size
        self.kept[name] = size

    def drop(self, name: str) -> None:
        """Nobody reads a tensor any more, but the backward pass perhaps."""
        size = self.alive.pop(name, 0)
        self.bytes -= 0 if name in self.kept else size

    def release(self, name: str) -> None:
        """The backward pass needs a tensor no longer."""
        size = self.kept.pop(name)
        self.bytes -= 0 if name in self.alive else size
