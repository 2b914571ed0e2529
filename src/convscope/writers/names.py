"""Natural names for blocks and parts of a module."""

from __future__ import annotations

import re
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING

from convscope.writers.calls import Call, Region, Use, calls, every

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from convscope.core.net import Layer
    from convscope.writers.calls import Block, Item, Step, Steps

LONGEST = 16
"""The most characters of a name that is composed of words."""


def snake(name: str) -> str:
    """Convert the name of a class to that of a function.

    >>> snake("ResidualBlock"), snake("ConvBNReLU"), snake("ConvBN2")
    ('residual_block', 'conv_bn_relu', 'conv_bn2')
    """
    name = name.replace("ReLU", "Relu").replace("BN", "Bn").replace("GELU", "Gelu").replace("SiLU", "Silu")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def block_name(block: Block) -> str:
    """Name a block by its function."""
    regions = list(_regions(block.sample))
    if not regions:
        return _chain_name(block.sample[0].items)
    region = regions[0]
    word = _word(region.steps[-1])
    if len({_word(other.steps[-1]) for other in regions}) > 1:
        return "Block"
    inside = [call.word for call in calls(block.sample)]
    short = _is_around(region)
    if word == "Add" and short:
        return "AttentionBlock" if "Attention" in inside else _residual_name(region)
    if word == "Mul" and short and inside[0] == "Pool":
        return "SqueezeExcite"
    if word == "Cat" and any(call.tensors for call in calls(region.steps)):
        return "DenseLayer" if short else "InceptionBlock"
    return "Block"


def _word(step: Step) -> str:
    return step.items[-1].word if step.items and isinstance(step.items[-1], Call) else ""


def _regions(steps: Steps) -> Iterator[Region]:
    return (item for step in steps for item in step.items if isinstance(item, Region))


def _is_around(region: Region) -> bool:
    """Return whether a path of the region is a shortcut or an identity."""
    return -1 in region.steps[-1].inputs or any(step.shortcut for step in region.steps)


def _residual_name(region: Region) -> str:
    """Name a block by its convolutions: a 1x1, larger kernels and a 1x1 form a bottleneck or an inverted one."""
    convs = [call for call in calls(region.steps[:1]) if call.word == "Conv"]
    kernels = [next(arg.value for arg in call.args if arg.kind == "kernel") for call in convs]
    if len(kernels) < 3 or {kernels[0], kernels[-1]} != {1} or 1 in kernels[1:-1]:
        return "ResidualBlock"
    return "InvertedResidual" if any(map(_depth, convs)) else "Bottleneck"


def _chain_name(items: tuple[Item, ...]) -> str:
    """Join the words of a short chain; two equal units are a double one."""
    words = [
        item.word if isinstance(item, Call) else item.block.name if isinstance(item, Use) else "" for item in items
    ]
    half = len(words) // 2
    if words[:half] == words[half:] and "Conv" in words[0] and not any(map(_depth, every(items))):
        return "DoubleConv"
    deep = [_depth(call) for call in every(items) if call.word == "Conv"]
    if deep in ([False, True, False], [True, False]):
        return "InvertedBottleneck" if len(deep) > 2 else "SeparableConv"
    if words[-1] in {"MaxPool", "AvgPool"} and len(words) > 3:
        return "DownBlock"
    solid = [word for word in words if word not in {"Pad", "Flatten"}]
    return "".join(solid) if 1 < len(solid) <= 4 and all(solid) and len("".join(solid)) <= LONGEST else "Block"


def _depth(call: Call) -> bool:
    """Return whether the call is a depthwise convolution."""
    return any(arg.kind == "groups" and arg.value > 1 for arg in call.args)


def unique(hints: Iterable[str]) -> list[str]:
    """Number equal hints; empty ones are kept.

    >>> unique(["up", "head", "", "up"])
    ['up1', 'head', '', 'up2']
    >>> unique(["up1", "up", "up"])
    ['up1', 'up2', 'up3']
    """
    hints = list(hints)
    often, seen = Counter(hints), Counter[str]()
    named = []
    for hint in hints:
        numbered = hint and often[hint] > 1
        seen[hint] = next(at for at in count(seen[hint] + 1) if not numbered or f"{hint}{at}" not in often)
        named.append(f"{hint}{seen[hint]}" if numbered else hint)
    return named


ROLES = {"Add": "body", "Cat": "branch", "Mul": "factor"}
"""Names of paths by the merge to which they lead."""

SINGLE = {
    "Conv": "conv", "Up": "up", "Down": "down", "Linear": "linear", "Attention": "attention",
    "BN": "norm", "GN": "norm", "LN": "norm", "IN": "norm", "LRN": "norm",
    "MaxPool": "pool", "AvgPool": "pool", "Pool": "pool", "Pad": "pad", "Dropout": "dropout",
}  # fmt: skip
"""Names of single calls by their word."""


def part_name(steps: Steps, at: int) -> str:
    """Name a step inside a block by its target or by its content."""
    step = steps[at]
    if step.shortcut:
        return "shortcut"
    readers = [other for other in steps if at in other.inputs]
    word = _word(readers[0]) if len(readers) == 1 and readers[0].merges else ""
    inside = list(every(step.items))
    if word == "Mul" and inside[0].word == "Pool":
        return "gate"
    if word == "Add" and any(call.word == "Attention" for call in inside):
        return "attention"
    if word == "Add" and inside[0].follows and _is_mlp(inside):
        return "mlp"
    return ROLES.get(word) or single_name(step) or ("layers" if at else "body")


def _is_mlp(inside: list[Call]) -> bool:
    """Return whether it works on each position independently: linear layers, and convolutions of one tap."""
    kernels = [arg.value for call in inside for arg in call.args if arg.kind == "kernel"]
    return all(kernel == 1 for kernel in kernels) and any(call.word in {"Conv", "Linear"} for call in inside)


def single_name(step: Step) -> str:
    """Name a step by its call, if it has only one."""
    first = step.items[0]
    if len(step.items) > 1:
        return ""
    return SINGLE.get(first.word, first.word.lower()) if isinstance(first, Call) else ""


def scale_name(step: Step, layers: dict[str, Layer]) -> str:
    """Name a step by its effect on the size of the map: ``down``, ``up``, or nothing."""
    first, last = step.items[0], step.items[-1]
    given = layers[first.layer].inputs[0] if isinstance(first, Call) else first.given
    made = layers[last.layer].output
    if len(given) == len(made) > 1 and given[1:] != made[1:]:
        return "up" if made[1] > given[1] else "down"
    return ""
