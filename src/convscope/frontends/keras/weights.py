"""The values of a saved Keras model, in a ``.keras`` archive or an old ``.h5`` file.

Nothing is loaded while a model is read. A file is reopened when its values are requested; links out of it are not
followed, and no array larger than the content of the file is created.
"""

from __future__ import annotations

import io
import math
import struct
import zipfile
import zlib
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from convscope import files
from convscope.budget import PER_BYTE, hold
from convscope.core.op import Weight
from convscope.errors import ModelError
from convscope.frontends.keras.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from numpy.typing import NDArray

    from convscope.frontends.keras.spec import Owner, Sizes
    from convscope.frontends.keras.tree import Stored
    from convscope.frontends.tensors.values import Const

WEIGHTS = "model.weights.h5"
"""The weights file in an archive."""

FAULTS = (
    OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError, OverflowError, EOFError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""The errors that h5py and zipfile raise for damaged files."""


class Store(Protocol):
    """A source of the tensors of layers."""

    def key(self, owner: Owner) -> Hashable:
        """Return a key that is equal for the same layer."""

    def load(self, owner: Owner, at: int, name: str) -> NDArray[Any]:
        """Load a tensor of a layer, by its position among the layer's own tensors or by name."""

    def stated(self, owner: Owner) -> tuple[Weight, ...] | None:
        """Return all tensors of a layer and its parts; None if unknown."""

    def outputs(self, owner: Owner, args: Any, named: Any) -> tuple[Sizes, ...] | None:
        """Return the output sizes of a layer, including the batch; None if only its code determines them.

        Args:
            owner: the layer.
            args: what it is called with, :class:`Shaped` in place of tensors.
            named: the same by name.
        """

    def fact(self, owner: Owner, name: str) -> tuple[str, bool] | None:
        """Return the dtype of a tensor, and whether it is trained; None if only the configuration states it."""

    def held(self, number: int) -> Const:
        """Return a variable that the code of a live model uses directly."""

    def opened(self) -> Any:
        """Return a context for loading many tensors."""

    @property
    def merged(self) -> bool:
        """Whether stored kernels include LoRA."""

    @property
    def wish(self) -> str:
        """The expectation for a layer whose code would have to be run."""


@dataclass(frozen=True)
class Shaped:
    """A tensor of known sizes, including the batch."""

    sizes: Sizes


class _Silent:
    """A store that knows only the configuration of a layer."""

    wish = "the live model, loaded with keras.models.load_model, or a layer whose output another layer reads"
    merged = False

    def held(self, number: int) -> Const:
        """See :class:`Store`."""
        raise ModelError(f"variable {number} is not in the file", expected="a file with only Keras layers")

    def fact(self, owner: Owner, name: str) -> None:  # noqa: ARG002 -- the configuration says it
        """See :class:`Store`."""
        return

    def outputs(self, owner: Owner, args: Any, named: Any) -> None:  # noqa: ARG002 -- nothing of a file is run
        """See :class:`Store`."""
        return


class NoStore(_Silent):
    """A configuration without values."""

    def key(self, owner: Owner) -> Hashable:
        """See :class:`Store`."""
        return owner

    def load(self, owner: Owner, at: int, name: str) -> NDArray[Any]:  # noqa: ARG002 -- there is nothing
        """See :class:`Store`."""
        raise ModelError(f"{owner.scope} has no {name}, because the file has no weights")

    def stated(self, owner: Owner) -> None:  # noqa: ARG002 -- as above
        """See :class:`Store`."""
        return

    @contextmanager
    def opened(self) -> Iterator[None]:
        """See :class:`Store`."""
        yield


class _FileStore(_Silent):
    """An HDF5 file that is open while tensors are requested."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: Any = None

    def key(self, owner: Owner) -> Hashable:
        """See :class:`Store`."""
        return owner

    def stated(self, owner: Owner) -> tuple[Weight, ...] | None:
        """See :class:`Store`; the file is searched by our own code, in bounded time.

        The file does not state which floats are learned: all count except those named like a statistic.
        """
        try:
            found = self._stored(owner)
        except (ModelError, *FAULTS, struct.error, IndexError):
            return None
        return tuple(_weight(owner, one) for one in found)

    def _stored(self, owner: Owner) -> list[Stored]:
        """Return the tensors of a layer and its parts."""
        raise NotImplementedError

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """See :class:`Store`."""
        if self._file is not None:
            yield self._file
            return
        with ExitStack() as stack:
            try:
                self._file = self._open(stack)
            except FAULTS as error:
                raise ModelError(f"the weights cannot be read: {error}").add(written=str(self.path)) from None
            try:
                yield self._file
            finally:
                self._file = None

    def _open(self, stack: ExitStack) -> Any:
        import h5py

        return stack.enter_context(h5py.File(self.path, "r"))


_STATISTICS = ("moving_mean", "moving_variance", "seed_generator", "state")
"""Names of tensors, and of their owners, that are not learned."""


def _weight(owner: Owner, one: Stored) -> Weight:
    """Return whether a tensor is learned; of integers, only quantised kernels of one byte are."""
    names = [name for name in one.path if name != "vars"]
    learned = one.width == 1 if one.integer else not any(name.startswith(_STATISTICS) for name in names)
    return Weight(".".join([owner.scope, *names]), one.shape, trained=learned)


class _Kept(io.BytesIO):
    """A file in memory that is read several times."""

    def close(self) -> None:
        """Keep the content."""


@dataclass(frozen=True)
class _Place:
    """The position of a file within another.

    Attributes:
        start: its first byte.
        size: of it [byte].
        data: its unpacked content; None if it is not compressed.
        groups: known members of its groups, see :class:`Tree`.
    """

    start: int
    size: int
    data: _Kept | None = None
    groups: dict[int, dict[str, int]] = field(default_factory=dict)


class ArchiveStore(_FileStore):
    """The weights in a ``.keras`` archive."""

    merged = True
    _found: _Place | None = None

    def _stored(self, owner: Owner) -> list[Stored]:
        place = self._place()
        with place.data or files.opened(self.path) as file:
            for first in _FIRST:
                names = [first if one == "layers" else one for one in owner.groups]
                if Tree(file, place.start, place.size, place.groups).has(first):
                    found = Tree(file, place.start, place.size, place.groups).tensors(names)
                    if found is not None:
                        return found
        raise ModelError(f"the weights file has no {owner.scope}")

    def _place(self) -> _Place:
        """Return the position of the weights file, found once for all layers."""
        if self._found is None:
            with zipfile.ZipFile(self.path) as archive, files.opened(self.path) as file:
                info = archive.getinfo(WEIGHTS)
                if info.compress_type == zipfile.ZIP_STORED:  # it is stored uncompressed
                    self._found = _Place(_start(file, info), info.file_size)
                else:
                    hold(max(0, info.file_size - PER_BYTE[1] * info.compress_size))
                    self._found = _Place(0, info.file_size, _Kept(_unpacked(archive, info)))
        return self._found

    def _open(self, stack: ExitStack) -> Any:
        import h5py

        archive = stack.enter_context(zipfile.ZipFile(self.path))
        info = archive.getinfo(WEIGHTS)
        if info.compress_type == zipfile.ZIP_STORED:
            member: Any = stack.enter_context(archive.open(info))
        else:
            member = io.BytesIO(_unpacked(archive, info))
        return stack.enter_context(h5py.File(member, "r"))

    def load(self, owner: Owner, at: int, name: str) -> NDArray[Any]:
        """See :class:`Store`."""
        return _guarded(owner, name, lambda: self._load(owner, at))

    def _load(self, owner: Owner, at: int) -> NDArray[Any]:
        with self.opened() as file:
            return _numbers(_child(self._group(file, owner, "vars"), str(at)), file)

    def _group(self, file: Any, owner: Owner, *after: str) -> Any:
        for first in _FIRST:
            names = [first if one == "layers" else one for one in owner.groups]
            if first in file:
                found = file
                for name in (*names, *after):
                    found = _child(found, name)
                return found
        raise KeyError("layers")


_FIRST = ("layers", "_layer_checkpoint_dependencies")
"""Names of the group of all layers; the second one is used up to Keras 2.13."""


def _start(file: BinaryIO, info: zipfile.ZipInfo) -> int:
    """Return where an uncompressed member of an archive begins."""
    file.seek(info.header_offset)
    mark, name, extra = struct.unpack("<4s22x2H", file.read(30))
    if mark != b"PK\x03\x04":
        raise ModelError("the archive is damaged")
    return info.header_offset + 30 + int(name) + int(extra)


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Unpack a compressed member, which allows no random access."""
    if info.file_size > 100 * info.compress_size + 2**24:
        raise ModelError(f"{WEIGHTS} claims to have {info.file_size:,} bytes, compressed to {info.compress_size:,}")
    with archive.open(info) as member:
        return member.read()


class LegacyStore(_FileStore):
    """The weights in a file of the old ``.h5`` format, which stores them by name."""

    def _stored(self, owner: Owner) -> list[Stored]:
        top, *rest = owner.path
        with files.opened(self.path) as file:
            found = Tree(file, 0, self.path.stat().st_size).tensors(("model_weights", top)) or []
        return [one for one in found if _belongs(one.path, rest)]

    def load(self, owner: Owner, at: int, name: str) -> NDArray[Any]:  # noqa: ARG002 -- by name
        """See :class:`Store`."""
        return _guarded(owner, name, lambda: self._load(owner, name))

    def _load(self, owner: Owner, name: str) -> NDArray[Any]:
        with self.opened() as file:
            fits = [one for path, one in self._of(file, owner) if path.rpartition("/")[2].partition(":")[0] == name]
            if len(fits) != 1:
                raise ModelError(f"the file has {len(fits)} tensors of this name", expected="one tensor")
            return _numbers(fits[0], file)

    def _of(self, file: Any, owner: Owner) -> Iterator[tuple[str, Any]]:
        """Return tensors whose names contain those of all enclosing models, layers and parts, in order."""
        top, *rest = owner.path
        for path, one in _datasets(_child(_child(file, "model_weights"), top)):
            if _belongs(path.split("/"), rest):
                yield path, one


_CALLED = {"query_dense": "query", "key_dense": "key", "value_dense": "value", "output_dense": "attention_output"}
"""Attributes of layers, with the names of the layers in them."""


def _belongs(path: Sequence[str], rest: list[str]) -> bool:
    """Return whether a tensor's name contains those of all enclosing models, layers and parts, in order."""
    words = iter(path[:-1])
    return all(any(_called(need, word) for word in words) for need in rest if need != "@layer")


def _called(need: str, word: str) -> bool:
    if not need.startswith("@"):
        return need == word
    name = need[1:]
    return _CALLED.get(name, name.removesuffix("_layer")) in word


def _guarded(owner: Owner, name: str, load: Callable[[], NDArray[Any]]) -> NDArray[Any]:
    """Turn faults of a file into our error, which names the requested tensor."""
    try:
        return load()
    except ModelError as error:
        raise error.add(subject=f"{owner.scope}.{name}") from None
    except FAULTS as error:
        raise ModelError(f"{owner.scope}.{name} cannot be read from the file: {error}") from None


def _child(group: Any, name: str) -> Any:
    """Return the member of a group, if it is not a link."""
    import h5py

    if not isinstance(group, h5py.Group) or name not in group:
        raise KeyError(f"no {name}")
    if group.get(name, getclass=True, getlink=True) is not h5py.HardLink:
        raise ModelError(f"{name} is a link", expected="a tensor in this file")
    return group[name]


def _datasets(group: Any) -> list[tuple[str, Any]]:
    """Yield all tensors in a group by path, each once, even with cycles."""
    import h5py

    found: list[tuple[str, Any]] = []
    group.visititems(lambda path, one: found.append((path, one)) if isinstance(one, h5py.Dataset) else None)
    return found


def _numbers(dataset: Any, file: Any) -> NDArray[Any]:
    """Load the values of a tensor."""
    import h5py

    if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual:
        raise ModelError("the tensor is not stored in this file")
    if math.prod(dataset.shape) * dataset.dtype.itemsize > file.id.get_filesize():
        raise ModelError(f"a tensor of shape {dataset.shape} is larger than the file")
    numbers: NDArray[Any] = dataset[()]
    if dataset.attrs.get("dtype") == "bfloat16":  # the upper half of a float32
        halves = np.frombuffer(numbers.tobytes(), dtype=np.uint16).astype(np.uint32) << 16
        return halves.view(np.float32).reshape(dataset.shape)
    if numbers.dtype == np.int8:  # a quantised kernel
        return numbers
    if numbers.dtype.kind != "f":
        raise ModelError(
            f"the tensor has dtype {numbers.dtype}", expected="a floating-point dtype, or int8 where quantised"
        )
    return np.asarray(numbers, dtype=np.float32)
