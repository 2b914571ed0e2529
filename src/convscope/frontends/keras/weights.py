"""Where the numbers of a Keras model are: in a live one, in a ``.keras`` archive, in an old ``.h5`` file.

Nothing is loaded while a model is read. A file is opened again when its numbers are asked for; links out of it are not
followed, and no array is made that is larger than what the file holds.
"""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from convscope.core.op import Weight
from convscope.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from convscope.frontends.keras.spec import Owner

WEIGHTS = "model.weights.h5"
"""The file inside of an archive."""

FAULTS = (
    OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError, OverflowError, EOFError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What h5py and zipfile raise on damaged files."""


class Store(Protocol):
    """Gives the tensors of layers."""

    def key(self, owner: Owner) -> Hashable:
        """The same for the same layer."""

    def load(self, owner: Owner, at: int, name: str) -> NDArray[Any]:
        """One tensor of a layer, by its place among the layer's own tensors or by its name."""

    def stated(self, owner: Owner) -> tuple[Weight, ...] | None:
        """All tensors of a layer and of what is in it; None where that is unknown."""

    def opened(self) -> Any:
        """A context in which many tensors are loaded."""


class NoStore:
    """A configuration without numbers."""

    def key(self, owner: Owner) -> Hashable:
        """See :class:`Store`."""
        return owner

    def load(self, owner: Owner, at: int, name: str) -> NDArray[Any]:  # noqa: ARG002 -- there is nothing
        """See :class:`Store`."""
        raise ModelError(f"{owner.scope} has no {name}: the file holds no weights")

    def stated(self, owner: Owner) -> None:  # noqa: ARG002 -- as above
        """See :class:`Store`."""
        return

    @contextmanager
    def opened(self) -> Iterator[None]:
        """See :class:`Store`."""
        yield


class LiveStore:
    """A model of a running program."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self._layers: dict[int, dict[str, Any]] = {}

    def key(self, owner: Owner) -> Hashable:
        """See :class:`Store`; a layer that stands in two models is one."""
        found = self._find(owner)
        return owner if found is None else id(found)

    def load(self, owner: Owner, at: int, name: str) -> NDArray[Any]:
        """See :class:`Store`."""
        layer = self._find(owner)
        found: dict[str, Any] = {}
        try:
            layer.save_own_variables(found)
            return _numpy(found[str(at)])
        except Exception as error:  # noqa: BLE001 -- whatever the library that keeps them raises
            raise ModelError(f"{owner.scope}: {name} has no numbers: {error}") from None

    def stated(self, owner: Owner) -> tuple[Weight, ...] | None:
        """See :class:`Store`."""
        weights = getattr(self._find(owner), "weights", None)
        if weights is None:
            return None
        found = []
        for one in weights:
            name = f"{owner.scope}.{getattr(one, 'name', 'weight')}"
            found.append(Weight(name, tuple(one.shape), trained=bool(getattr(one, "trainable", True))))
        return tuple(found)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """See :class:`Store`."""
        yield

    def _find(self, owner: Owner) -> Any:
        found = self.model
        for name in owner.path:
            if name.startswith("@"):
                found = getattr(found, name[1:], None)
            else:
                known = self._layers.setdefault(id(found), {one.name: one for one in getattr(found, "layers", [])})
                found = known.get(name)
        return found


def _numpy(value: Any) -> NDArray[Any]:
    """The numbers of a variable, whichever library keeps them."""
    value = getattr(value, "value", value)
    value = value() if callable(value) else value
    if hasattr(value, "detach"):
        value = value.detach().cpu().float()
    return np.asarray(value, dtype=np.float32)


class _FileStore:
    """A file of HDF5, open while tensors are asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: Any = None

    def key(self, owner: Owner) -> Hashable:
        """See :class:`Store`."""
        return owner

    def stated(self, owner: Owner) -> None:  # noqa: ARG002 -- a damaged file can keep HDF5 busy without an end
        """See :class:`Store`; a file is opened only when numbers are asked for."""
        return

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


class ArchiveStore(_FileStore):
    """The weights in a ``.keras`` archive."""

    def _open(self, stack: ExitStack) -> Any:
        import h5py

        archive = stack.enter_context(zipfile.ZipFile(self.path))
        info = archive.getinfo(WEIGHTS)
        member = stack.enter_context(archive.open(info))
        if info.compress_type != zipfile.ZIP_STORED:  # then it cannot be read here and there: unpack it
            if info.file_size > 100 * info.compress_size + 2**24:
                raise ModelError(f"{WEIGHTS} claims to be {info.file_size} bytes, packed to {info.compress_size}")
            member = io.BytesIO(member.read())
        return stack.enter_context(h5py.File(member, "r"))

    def load(self, owner: Owner, at: int, name: str) -> NDArray[Any]:
        """See :class:`Store`."""
        return _guarded(owner, name, lambda: self._load(owner, at))

    def _load(self, owner: Owner, at: int) -> NDArray[Any]:
        with self.opened() as file:
            return _numbers(_child(self._group(file, owner, "vars"), str(at)), file)

    def _group(self, file: Any, owner: Owner, *behind: str) -> Any:
        for first in ("layers", "_layer_checkpoint_dependencies"):  # the second one up to Keras 2.13
            names = [first if one == "layers" else one for one in owner.groups]
            if first in file:
                found = file
                for name in (*names, *behind):
                    found = _child(found, name)
                return found
        raise KeyError("layers")


class LegacyStore(_FileStore):
    """The weights in a file of the old ``.h5`` format, which knows them by name."""

    def load(self, owner: Owner, at: int, name: str) -> NDArray[Any]:  # noqa: ARG002 -- by name
        """See :class:`Store`."""
        return _guarded(owner, name, lambda: self._load(owner, name))

    def _load(self, owner: Owner, name: str) -> NDArray[Any]:
        with self.opened() as file:
            fits = [one for path, one in self._of(file, owner) if path.rpartition("/")[2].partition(":")[0] == name]
            if len(fits) != 1:
                raise ModelError(f"{len(fits)} tensors of that name")
            return _numbers(fits[0], file)

    def _of(self, file: Any, owner: Owner) -> Iterator[tuple[str, Any]]:
        """Tensors whose names have those of all models, layers and parts on the way, in that order."""
        top, *rest = owner.path
        for path, one in _datasets(_child(_child(file, "model_weights"), top)):
            words = iter(path.split("/")[:-1])
            if all(any(_called(need, word) for word in words) for need in rest if need != "@layer"):
                yield path, one


_CALLED = {"query_dense": "query", "key_dense": "key", "value_dense": "value", "output_dense": "attention_output"}
"""Attributes of layers, and what the layers that they hold are called."""


def _called(need: str, word: str) -> bool:
    if not need.startswith("@"):
        return need == word
    name = need[1:]
    return _CALLED.get(name, name.removesuffix("_layer")) in word


def _guarded(owner: Owner, name: str, load: Callable[[], NDArray[Any]]) -> NDArray[Any]:
    """Faults of a file as our error, with the tensor that was asked for."""
    try:
        return load()
    except ModelError as error:
        raise error.add(subject=f"{owner.scope}.{name}") from None
    except FAULTS as error:
        raise ModelError(f"{owner.scope}.{name} cannot be read from the file: {error}") from None


def _child(group: Any, name: str) -> Any:
    """What a group holds under a name, if that is no link."""
    import h5py

    if not isinstance(group, h5py.Group) or name not in group:
        raise KeyError(f"no {name}")
    if group.get(name, getclass=True, getlink=True) is not h5py.HardLink:
        raise ModelError(f"{name} is a link")
    return group[name]


def _datasets(group: Any) -> list[tuple[str, Any]]:
    """All tensors in a group, by their path in it; each once, whatever circles it goes in."""
    import h5py

    found: list[tuple[str, Any]] = []
    group.visititems(lambda path, one: found.append((path, one)) if isinstance(one, h5py.Dataset) else None)
    return found


def _numbers(dataset: Any, file: Any) -> NDArray[Any]:
    """The numbers of a tensor."""
    import h5py

    if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual:
        raise ModelError("no tensor of this file")
    if math.prod(dataset.shape) * dataset.dtype.itemsize > file.id.get_filesize():
        raise ModelError(f"a tensor of {dataset.shape} is larger than the file")
    numbers: NDArray[Any] = dataset[()]
    if dataset.attrs.get("dtype") == "bfloat16":  # the upper half of a float32
        halves = np.frombuffer(numbers.tobytes(), dtype=np.uint16).astype(np.uint32) << 16
        return halves.view(np.float32).reshape(dataset.shape)
    if numbers.dtype.kind != "f":
        raise ModelError(f"numbers of the kind {numbers.dtype}", expected="float16, bfloat16, float32 or float64")
    return np.asarray(numbers, dtype=np.float32)
