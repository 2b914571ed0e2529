"""Models by name: of a package (``torchvision:resnet50``, ``timm:convnext_tiny``, ``keras:ResNet50``), or your own.

Your own are ``path/to/file.py:make_net`` and ``package.module:make_net``; :mod:`convscope.frontends.own` creates them.

A model of a package is created without its trained weights and, if its code allows it, on the meta device.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, TypeVar

from convscope.errors import ConvscopeError, ModelError, unknown
from convscope.extras import missing_module
from convscope.frontends.aside import aside
from convscope.frontends.given import of_shape
from convscope.frontends.hub import REMEDY, told
from convscope.frontends.keras.installed import installed
from convscope.frontends.others import described, line, stops
from convscope.frontends.own import MAKER, own

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from convscope.core.shape import Shape
    from convscope.frontends.given import Asked

Made = TypeVar("Made")


def is_name(source: str) -> bool:
    """Return whether a text has the form ``package:model``, ``file.py:function`` or ``module:function``.

    >>> is_name("timm:convnext_tiny"), is_name("nets/mine.py:make"), is_name("input 8x8x1, a: conv 4 3x3")
    (True, True, False)
    >>> is_name("nets.mine:Net.small"), is_name("a:relu b")
    (True, False)
    """
    head, tail = _parts(source)
    if not tail or any(character.isspace() for character in tail) or "," in tail:
        return False
    if head in PACKAGES or (head.endswith(".py") and "\n" not in head):
        return True
    return all(part.isidentifier() for part in f"{head}.{tail}".split("."))


def _parts(source: str) -> tuple[str, str]:
    """Return the parts before and after the colon; two colons count as one, and empty parentheses are ignored."""
    source = source.removesuffix("()")
    package, _, rest = source.partition(":")
    if package in PACKAGES:  # their model names may contain colons
        return package, rest.removeprefix(":")
    head, _, tail = source.rpartition(":")
    return head.removesuffix(":"), tail


def is_own(source: str) -> bool:
    """Return whether a name refers to the user's own code and not to a package.

    >>> is_own("nets.mine:Net"), is_own("timm:convnext_tiny")
    (True, False)
    """
    return _parts(source)[0] not in PACKAGES


def model(source: str, *, numbers: bool = False) -> tuple[Any, Asked]:
    """Return a model by name, and the known facts about its input.

    Raises:
        MissingExtraError: the package is not installed.
        UnknownNameError: the package has no such model, or the file no such function.
        ModelError: the file or module does not exist or cannot be run, or the model cannot be created.
    """
    head, tail = _parts(source)
    try:
        with aside():
            if head not in PACKAGES:
                return _beside(lambda: own(head, tail))
            made, size = _beside(lambda: PACKAGES[head](tail, numbers))
            return made, of_shape(size)
    except ConvscopeError:
        raise
    except BaseException as error:
        if stops(error):
            raise
        expected = MAKER if type(error) is TypeError and "required" in line(error) else ""
        raise ModelError(f"{source} cannot be created: {described(error)}", expected=expected) from None


def _beside(make: Callable[[], Made]) -> Made:
    """Return the result of ``make``, even if torchvision was built for another torch."""
    try:
        return make()
    except RuntimeError as error:
        if "torchvision::" not in str(error):  # torch knows no such operator
            raise
    from convscope.frontends.torch.vision import mend

    mend()
    return make()


def _package(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise missing_module(str(error.name), needs=name.partition(".")[0]) from None


def _made(make: Callable[[], Any], numbers: bool) -> Any:  # noqa: FBT001 -- passed on
    """Create a module on the meta device; with values if requested, or if its constructor needs them."""
    torch = _package("torch")
    if numbers:
        return make()
    try:
        with torch.device("meta"):
            return make()
    except Exception:  # noqa: BLE001 -- the constructor may fail in any way on meta tensors
        return make()


def _torchvision(name: str, numbers: bool) -> tuple[Any, Shape | None]:  # noqa: FBT001 -- passed on
    models = _package("torchvision.models")
    if name not in models.list_models():
        raise unknown("model in torchvision", name, models.list_models())
    made = _made(lambda: models.get_model(name, weights=None), numbers)
    crop = getattr(models.get_model_weights(name).DEFAULT.transforms(), "crop_size", None)
    return made, (3, crop[0], crop[0]) if crop else None


HUBS = ("hf-hub:", "hf_hub:", "local-dir:")
"""Prefixes of timm names that are addresses."""


def _timm(name: str, numbers: bool) -> tuple[Any, Shape | None]:  # noqa: FBT001 -- passed on
    timm = _package("timm")
    if name.startswith(HUBS):
        return _addressed(timm, name, numbers)
    if not timm.is_model(name):
        raise unknown("model in timm", name, timm.list_models())
    made = _made(lambda: timm.create_model(name, pretrained=False), numbers)
    size = (getattr(made, "pretrained_cfg", None) or {}).get("input_size")
    return made, tuple(size) if size else None


def is_addressed(source: str) -> bool:
    """Return whether a name is the address of a model of timm with its trained weights.

    >>> is_addressed("timm:hf-hub:timm/resnet18.a1_in1k"), is_addressed("timm:resnet18")
    (True, False)
    """
    head, tail = _parts(source)
    return head == "timm" and tail.startswith(HUBS)


def _addressed(timm: ModuleType, name: str, numbers: bool) -> tuple[Any, Shape | None]:  # noqa: FBT001 -- passed on
    """Create a model of an address: its settings are fetched, and its weights if values are requested.

    Raises:
        ModelError: it cannot be fetched.
    """
    try:
        made = _made(lambda: timm.create_model(name, pretrained=numbers), numbers)
    except Exception as error:  # noqa: BLE001 -- the library of the hub may raise anything
        raise ModelError(f"timm:{name} cannot be fetched: {told(error)}", attempt=REMEDY) from None
    size = (getattr(made, "pretrained_cfg", None) or {}).get("input_size")
    return made, tuple(size) if size else None


def _keras(name: str, numbers: bool) -> tuple[Any, Shape | None]:  # noqa: FBT001, ARG001 -- it always has values
    applications = installed("keras.applications")
    found = getattr(applications, name, None)
    if not callable(found):
        names = [one for one in dir(applications) if one[0].isupper()]
        raise unknown("model in keras.applications", name, names)
    return found(weights=None), None


PACKAGES: dict[str, Callable[[str, bool], tuple[Any, Shape | None]]] = {
    "torchvision": _torchvision,
    "timm": _timm,
    "keras": _keras,
}
"""The functions that create a model of a package by name."""
