"""The settings that train a net, and the list of recipes that come with the package."""

from __future__ import annotations

import json
import re
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import msgspec

from convscope import files
from convscope.errors import FieldError, unknown
from convscope.inert import inert

MOST = 2**20
"""Limit for a file of settings [byte]."""

RECIPES: dict[str, str] = {
    "blink": "convscope.training.recipes.blink",
    "fast": "convscope.training.recipes.fast",
    "strong": "convscope.training.recipes.strong",
    "tiny-8k": "convscope.training.recipes.tiny_8k",
    "tiny-2k": "convscope.training.recipes.tiny_2k",
    "tiny-700": "convscope.training.recipes.tiny_700",
    "fashion-small": "convscope.training.recipes.fashion_small",
    "fashion-strong": "convscope.training.recipes.fashion_strong",
    "cifar10-small": "convscope.training.recipes.cifar10_small",
    "cifar10-strong": "convscope.training.recipes.cifar10_strong",
    "own": "convscope.training.recipes.own",
    "finetune": "convscope.training.recipes.finetune",
}
"""Every recipe by name, with the module that holds it; the measured result stands in the module's header."""

Positive = Annotated[float, msgspec.Meta(gt=0, le=1e300)]
Share = Annotated[float, msgspec.Meta(ge=0, lt=1)]
Seed = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
"""The largest seed; torch takes at most 64 bits, and each process adds its rank."""


def checked_seed(seed: int) -> int:
    """A seed that every random number generator takes.

    Raises:
        FieldError: the seed is out of range.
    """
    try:
        return msgspec.convert(seed, Seed)
    except msgspec.ValidationError:
        raise FieldError(f"seed {seed} cannot be used", expected="an integer from 0 to 2^62") from None


_BOUND = re.compile(r"(?:float|int) ([<>]=?) (-?\d+(?:\.\d*[1-9])?)(?:\.0)? for (\S+)")


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The settings of a training run.

    Attributes:
        name: of the recipe.
        net: in the notation; used if the user gives none.
        data: name of the data set that it was made for; used if the user gives none.
        epochs: passes over the training set; parts of one are allowed.
        batch: images per step.
        learning_rate: the peak.
        head_rate: the peak for the head, the last layer with weights; 0 trains it at the same rate as the others.
        freeze: patterns for the names of layers that are not trained.
        warmup: fraction of the steps in which the rate rises to its peak; then it falls linearly to 2 % of it.
        betas: decay rates of AdamW's running mean and square (Loshchilov and Hutter, arXiv 1711.05101).
        weight_decay: of kernels and matrices; biases and norms have none.
        label_smoothing: fraction of the target spread over all classes.
        muon_rate: peak rate of Muon for kernels that are followed by a batch norm; 0 trains them with AdamW like all
            others.
        average: fraction of all steps over which a running mean of the weights is kept as the result (its decay is 1
            minus the inverse of that number of steps); 0 keeps the last weights.
        dirac: initialises convolutions as the identity.
        whiten: initialises the first convolution to decorrelate the set's patches, and freezes it.
        shift: largest shift of an image along each axis [pixel].
        rotate: largest rotation of an image [degree].
        zoom: largest change of height and width, as a fraction.
        shear: largest slant [columns per row].
        bend: largest displacement in a smooth random field [pixel].
        flip: mirrors the images in every second epoch.
        erase: side of a square in each image that is erased [pixel].
        even: spreads all images over the steps of an epoch, each of ``batch`` images or slightly fewer; else the images
            that are left after the last full batch of an epoch are dropped.
        balance: draws equally many images of each class, those of small classes several times in an epoch.
        keep: ``last`` keeps the weights of the last step; ``best`` those of the epoch with the highest accuracy in
            validation, or of those with this accuracy the one with the lowest loss.
        patience: ends the training when validation has not become better for that many epochs; 0 never does.
        precision: ``auto`` uses bfloat16 if the processor has it, else float32.
    """

    name: str
    net: str
    data: str = "mnist"
    epochs: Annotated[float, msgspec.Meta(gt=0, le=1e6)]
    batch: Annotated[int, msgspec.Meta(ge=2)]
    learning_rate: Positive
    head_rate: Annotated[float, msgspec.Meta(ge=0, le=1e300)] = 0.0
    freeze: tuple[str, ...] = ()
    warmup: Share = 0.2
    betas: tuple[Share, Share] = (0.9, 0.999)
    weight_decay: Annotated[float, msgspec.Meta(ge=0, le=1e300)] = 0.0
    label_smoothing: Share = 0.0
    muon_rate: Annotated[float, msgspec.Meta(ge=0, le=1e3)] = 0.0
    average: Share = 0.0
    dirac: bool = False
    whiten: bool = False
    shift: Annotated[int, msgspec.Meta(ge=0, le=64)] = 0
    rotate: Annotated[float, msgspec.Meta(ge=0, le=180)] = 0.0
    zoom: Share = 0.0
    shear: Share = 0.0
    bend: Annotated[float, msgspec.Meta(ge=0, le=64)] = 0.0
    flip: bool = False
    erase: Annotated[int, msgspec.Meta(ge=0, le=64)] = 0
    even: bool = False
    balance: bool = False
    keep: Annotated[str, msgspec.Meta(pattern="^(last|best)$")] = "last"
    patience: Annotated[int, msgspec.Meta(ge=0, le=2**31)] = 0
    precision: Annotated[str, msgspec.Meta(pattern="^(auto|float32|bfloat16)$")] = "auto"

    def __post_init__(self) -> None:
        """Make the name inert: a recipe may come from elsewhere."""
        msgspec.structs.force_setattr(self, "name", inert(self.name))

    def changed(self, **settings: Any) -> Recipe:
        """Return the recipe with other settings.

        Raises:
            FieldError: a setting has an invalid value.
        """
        try:
            return msgspec.convert(msgspec.structs.asdict(self) | settings, Recipe)
        except msgspec.ValidationError as error:
            wrong = str(error).rpartition("$.")[2].partition("[")[0].rstrip("`")
            shown = {wrong: settings[wrong]} if wrong in settings else settings
            given = ", ".join(f"{name}={value}" for name, value in shown.items())
            raise FieldError(f"the recipe cannot use {given}", expected=_plainly(error)) from None


def _plainly(error: msgspec.ValidationError) -> str:
    """Return the library's message in plain words.

    >>> _plainly(msgspec.ValidationError("Expected `float` > 0.0 - at `$.epochs`"))
    'epochs > 0'
    """
    text = str(error).removeprefix("Expected ").replace("`", "").replace("$.", "").replace(" - at ", " for ")
    return _BOUND.sub(r"\3 \1 \2", text)


def find(name: str) -> Recipe:
    """Return the recipe of that name, or the one in the ``.toml`` file at that path.

    Raises:
        UnknownNameError: there is no recipe of that name.
        FieldError: the file is not a recipe.

    >>> find("fast").name
    'fast'
    """
    if name in RECIPES:
        found = import_module(RECIPES[name]).RECIPE
        assert isinstance(found, Recipe)
        return found
    if name.endswith(".toml"):
        return from_file(Path(name))
    raise unknown("recipe", name, RECIPES)


def from_file(path: Path) -> Recipe:
    """Read the recipe in a ``.toml`` file, such as the ``recipe.toml`` of a run.

    Settings that the file leaves out default to those of ``fast``; the recipe's name is the file's.

    Raises:
        FieldError: the file cannot be read, or is not a recipe.
    """
    try:
        content: dict[str, Any] = tomllib.loads(files.read(path, MOST).decode())
        base = msgspec.structs.asdict(find("fast")) | {"name": path.stem}
        return msgspec.convert(base | content.get("recipe", content), Recipe)
    except OSError as error:
        raise FieldError(f"{path} cannot be read: {error.strerror}") from None
    except msgspec.ValidationError as error:
        raise FieldError(f"{path} is not a recipe", expected=_plainly(error)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, TypeError, RecursionError) as error:
        raise FieldError(f"{path} is not a recipe: {error}") from None


def to_toml(values: dict[str, Any]) -> str:
    """Write flat values as TOML.

    >>> print(to_toml({"epochs": 1.0, "betas": (0.9, 0.98), "name": "fast"}))
    epochs = 1.0
    betas = [0.9, 0.98]
    name = "fast"
    """
    return "\n".join(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items())
