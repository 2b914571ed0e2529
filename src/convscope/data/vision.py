"""``torchvision:NAME``: a data set of torchvision, where that is installed."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from convscope.data.foreign import Foreign, Opened, prepared
from convscope.data.home import home
from convscope.errors import DataError, unknown
from convscope.extras import missing_module

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.data.dataset import Dataset
    from convscope.data.spelled import Spelled


def find(wanted: Spelled, report: Callable[[int, int], None] | None = None) -> Dataset:
    """Open a data set of torchvision by the name of its class, such as ``torchvision:SVHN``.

    Its files are in ``torchvision`` in the user's data folder, where torchvision looks for them and downloads missing
    ones.

    Raises:
        MissingExtraError: torchvision is not installed.
        UnknownNameError: torchvision has no such data set.
        DataError: it cannot be opened, or has no splits.
    """
    torchvision = _imported()
    kinds = {name: getattr(torchvision.datasets, name) for name in torchvision.datasets.__all__}
    if wanted.path not in kinds:
        raise unknown("data set of torchvision", wanted.path, kinds)
    return prepared(wanted, str(torchvision.__version__), lambda: _opened(kinds[wanted.path], wanted.path), report)


def _imported() -> Any:
    """Import torchvision, even if it was built for another torch."""
    try:
        import torchvision
    except ImportError:
        raise missing_module("torchvision") from None
    except RuntimeError:
        from convscope.frontends.torch.vision import mend

        try:
            mend()
            import torchvision
        except Exception as error:  # noqa: BLE001 -- it may raise anything if it does not fit this torch
            raise DataError(f"torchvision cannot be imported: {error}") from None
    return torchvision


def _opened(kind: Any, name: str) -> Opened:
    settings = inspect.signature(kind).parameters
    if "train" in settings:
        splits: dict[str, dict[str, Any]] = {"train": {"train": True}, "test": {"train": False}}
    elif "split" in settings:
        splits = {"train": {"split": "train"}, "test": {"split": "test"}}
    else:
        raise DataError(f"{name} of torchvision has no splits for training and testing")
    more = {"download": True} if "download" in settings else {}
    root = home() / "torchvision"
    try:
        root.mkdir(parents=True, exist_ok=True)
        opened = {split: kind(root=str(root), **chosen, **more) for split, chosen in splits.items()}
    except Exception as error:  # noqa: BLE001 -- another library may raise anything
        raise DataError(f"torchvision cannot open {name}: {error}", attempt=f"put its files into {root}") from None
    classes = tuple(map(str, getattr(opened["train"], "classes", ()))) or _counted(opened)
    return {split: Foreign(len(found), found.__getitem__) for split, found in opened.items()}, classes


def _counted(opened: dict[str, Any]) -> tuple[str, ...]:
    """Return numbers as the names of classes without names."""
    most = max(int(found[at][1]) for found in opened.values() for at in range(len(found)))
    return tuple(map(str, range(most + 1)))
