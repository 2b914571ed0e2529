"""The command line, ended at a point of its writing as if killed: ``CONVSCOPE_CRASH_AT=POINT:N crashing.py train …``.

The process ends at the N-th passing of a point. The points are put into the file layer, the checkpoints and the loop
from here; the package itself knows nothing of them.

| point | where |
|---|---|
| half written | half of a file is in its draft |
| written | the draft is whole and on the disk, and has not taken its place |
| replaced | it has taken its place |
| tensors | the tensors of a checkpoint are there, what tells of them is not |
| checkpoint | a checkpoint is whole |
| forgotten | what tells of an older checkpoint is removed, its tensors are not |
| step, step of rank R | a step is done, and nothing is saved yet |
"""

import os
import sys
from collections import Counter
from typing import Any, Self

VARIABLE = "CONVSCOPE_CRASH_AT"

POINTS = ("step", "half written", "written", "replaced", "tensors", "checkpoint", "forgotten")

_passed: Counter[str] = Counter()


def passing(point: str) -> bool:
    """Whether the process is to end here, at this passing."""
    _passed[point] += 1
    return os.environ.get(VARIABLE) == f"{point}:{_passed[point]}"


def end_if(point: str) -> None:
    """End the process, if this is the point."""
    if passing(point):
        os._exit(137)


class Draft:
    """A file of which half is written when the process ends."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def __enter__(self) -> Self:
        self.file.__enter__()
        return self

    def __exit__(self, *error: object) -> Any:
        return self.file.__exit__(*error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def write(self, content: bytes) -> int:
        if passing("half written"):
            self.file.write(content[: len(content) // 2])
            self.file.flush()
            os._exit(137)
        return int(self.file.write(content))


class System:
    """The module ``os`` as the file layer sees it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def fdopen(self, *args: Any, **settings: Any) -> Draft:
        return Draft(os.fdopen(*args, **settings))

    def replace(self, *args: Any, **settings: Any) -> None:
        end_if("written")
        os.replace(*args, **settings)  # noqa: PTH105 -- as the file layer calls it
        end_if("replaced")


def install() -> None:
    """Put the points into this process."""
    from convscope.files import Folder
    from convscope.training import session

    setattr(sys.modules["convscope.files.place"], "os", System())  # noqa: B010 -- no assignment, for the type checker
    write, remove, between = Folder.write, Folder.remove, session.Keeper.between

    def written(self: Any, name: str, *args: Any, **settings: Any) -> Any:
        found = write(self, name, *args, **settings)
        if name.startswith("step-"):
            end_if("tensors" if name.endswith(".safetensors") else "checkpoint")
        return found

    def removed(self: Any, name: str, *args: Any, **settings: Any) -> Any:
        found = remove(self, name, *args, **settings)
        if name.startswith("step-") and name.endswith(".json"):
            end_if("forgotten")
        return found

    def stepped(self: Any) -> None:
        rank = self.session.ranks.rank
        end_if(f"step of rank {rank}" if rank else "step")
        between(self)

    for owner, name, made in (
        (Folder, "write", written),
        (Folder, "remove", removed),
        (session.Keeper, "between", stepped),
    ):
        setattr(owner, name, made)


if __name__ == "__main__":
    if VARIABLE in os.environ:
        install()
    from convscope.cli import main

    main()
