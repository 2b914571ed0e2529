"""The tensors that are alive at a step and their bytes, updated incrementally."""

from __future__ import annotations


class Ends:
    """The step at which each tensor is read for the last time, which may still move to a later step."""

    def __init__(self, last: dict[str, int]) -> None:
        self.last: dict[str, int] = last
        self.names: dict[int, dict[str, None]] = {}
        for name, step in last.items():
            self.names.setdefault(step, {})[name] = None

    def move(self, name: str, step: int) -> None:
        """Note that a tensor is read at that step."""
        if self.last.get(name) != step:
            self.names.get(self.last.get(name, -1), {}).pop(name, None)
            self.last[name] = step
        self.names.setdefault(step, {})[name] = None

    def at(self, step: int) -> list[str]:
        """Return the tensors that are read for the last time at that step."""
        return list(self.names.pop(step, ()))


class There:
    """Tensors that are alive or kept for the backward pass, each counted once, and their bytes."""

    def __init__(self, alive: dict[str, int]) -> None:
        self.alive: dict[str, int] = alive
        self.kept: dict[str, int] = {}
        self.bytes: int = sum(alive.values())

    def live(self, name: str, size: int) -> None:
        """Add a live tensor."""
        self.alive[name] = size
        self.bytes += 0 if name in self.kept else size

    def keep(self, name: str, size: int) -> None:
        """Keep a tensor for the backward pass."""
        self.bytes += 0 if name in self.kept or name in self.alive else size
        self.kept[name] = size

    def drop(self, name: str) -> None:
        """Release a tensor that only the backward pass may still read."""
        size = self.alive.pop(name, 0)
        self.bytes -= 0 if name in self.kept else size

    def release(self, name: str) -> None:
        """Release a tensor that the backward pass has used."""
        size = self.kept.pop(name)
        self.bytes -= 0 if name in self.alive else size
