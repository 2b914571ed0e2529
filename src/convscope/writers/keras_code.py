"""A net as a Python module that builds a Keras model, channels last, like code written by hand."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from functools import partial
from string import digits
from typing import TYPE_CHECKING, Any, NamedTuple

from convscope.core.order import BATCH, pattern_of
from convscope.writers.arguments import Roles
from convscope.writers.calls import Call, Use, calls, literal
from convscope.writers.common import definitions, params, sizes_text
from convscope.writers.ends import GIVEN, ended, is_something, words_of
from convscope.writers.keras_context import context_of
from convscope.writers.keras_helpers import HELPERS
from convscope.writers.keras_ops import spell
from convscope.writers.keras_state import arrays
from convscope.writers.keras_tensor_ops import last
from convscope.writers.layout import Group, lines
from convscope.writers.names import snake
from convscope.writers.program import flat, program
from convscope.writers.schedule import Operation, body
from convscope.writers.structure import ENTRY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from convscope.core.graph import Input
    from convscope.core.net import Layer, Net
    from convscope.writers.calls import Block, Item, Param, Step, Steps
    from convscope.writers.keras_context import Context
    from convscope.writers.layout import Doc
    from convscope.writers.program import Program

ROLES = Roles("channels", "filters", "channels", "x.shape[-1]")

SAME = 3
"""Number of equal uses of a block from which a loop is written."""

LEVELS = {"Plus": 2, "Times": 1}
"""Words of operations that are written as operators."""


def keras_code(net: Net) -> str:
    """Return the source of a module with a function ``build`` that returns the model.

    >>> import convscope as cs
    >>> "layers.Conv2D(16, 3" in keras_code(cs.read("input 28x28x1, conv 16 3x3 relu, gap, linear 10"))
    True
    """
    made = _program(net)
    parts = ["\n".join(part) for part in [*map(_block_lines, made.blocks), _build_lines(made)]]
    used = {call.helper for steps in [made.steps, *(block.sample for block in made.blocks)] for call in calls(steps)}
    text = "\n\n\n".join([*definitions(HELPERS, used), *parts])
    head = "\n".join(_head(net, text))
    return f'{head}\n\n\n{text}\n\n\nif __name__ == "__main__":\n    build().summary()\n'


def keras_state(net: Net, tensors: Mapping[str, NDArray[Any]]) -> dict[str, list[NDArray[Any]]]:
    """Return the weights of the written model: the arguments of ``set_weights`` for each layer, by name.

    Args:
        net: the net that was written.
        tensors: tensors of the net by ``layer.tensor``.
    """
    made, context = _program(net), context_of(ended(_live(net)))
    found: dict[str, list[NDArray[Any]]] = {}
    for name, call in _places(made):
        layer = made.layers[call.layer]
        own = {key: tensors[f"{call.layer}.{key}"] for key, _ in call.tensors}
        found[name] = arrays(layer.node.op, layer, own, context)
    return found


def classes(net: Net) -> dict[str, str]:
    """The layers whose code is a class of its own in the written module: the class of each."""
    found = {call.layer: call.helper for _, call in _places(_program(net))}
    return {layer: name for layer, name in found.items() if any("\nclass " in part for part in HELPERS.get(name, ()))}


def _program(net: Net) -> Program:
    """Return the net without dead layers, since a Keras model only has layers that lead to its outputs."""
    live = _live(net)
    return program(live, partial(_spell, context=context_of(ended(live))), ROLES)


def _live(net: Net) -> Net:
    names = net.live()
    return replace(net, layers=tuple(layer for layer in net if layer.node.name in names))


def _spell(layer: Layer, context: Context) -> tuple[Call, ...]:
    return spell(layer.node.op, layer, context)


def _head(net: Net, text: str) -> list[str]:
    names = [name for name in ("layers", "ops") if f"{name}." in text]
    return [
        f'"""A net in Keras, {sizes_text(net)}: {params(_live(net)):,} params."""',
        "",
        *(["import math", ""] if "math." in text else []),
        "import keras",
        *(["import numpy as np"] if re.search(r"\bnp\.", text) else []),
        *([f"from keras import {', '.join(names)}"] if names else []),
    ]


class _Label(NamedTuple):
    """The code of a name, and its final number, which a loop may count."""

    code: str = ""
    number: str = ""


def _labels(steps: Steps) -> dict[int, str]:
    """Within a block: the suffix to the name of the block for each item with tensors, by its id."""
    counts: Counter[str] = Counter()
    found = {}
    for item in (item for step in steps for item in step.items):
        if isinstance(item, Call | Use) and _is_named(item):
            word = snake(item.block.name if isinstance(item, Use) else item.word)
            counts[word] += 1
            found[id(item)] = _numbered(word, counts[word])
    return found


def _is_named(item: Item) -> bool:
    """Return whether it has weights, or contains layers that have."""
    return isinstance(item, Use) or (isinstance(item, Call) and bool(item.tensors))


def _block_lines(block: Block) -> list[str]:
    labels = _labels(block.sample)
    before: list[str] = []
    for step in block.sample:
        if step.shortcut and step.when and step.inputs == (ENTRY,):
            before += _shortcut_lines(step, labels)
    terms = [f"    {name} = {code}" for name, code in block.terms]
    optional = next((step.when for step in block.sample if step.optional and step.when), "")
    terms += [f"    residual = {optional}"] if optional else []
    names = {key: _Label(f'f"{{name}}_{text}"') for key, text in labels.items()}
    operations, result = _operations(block.sample, names)
    return [*_signature(block.name, block.params), *terms, *before, *body(operations, result, depth=1)]


def _signature(name: str, params: tuple[Param, ...]) -> list[str]:
    words = [p.name + ("" if p.default is None else f"={p.default}") for p in params]
    return lines(Group(f"def {snake(name)}(", ("x", *words, "*", "name"), "):"))


def _shortcut_lines(step: Step, labels: dict[int, str]) -> list[str]:
    """Write a shortcut that only some uses have."""
    found = ["    shortcut = x", f"    if {step.when}:"]
    for item in step.items:
        label = f'f"{{name}}_{labels[id(item)]}"' if id(item) in labels else ""
        text = _text(item, label).replace("{x0}", "shortcut")
        found += body([Operation((-1,), text)], 0, depth=2, end="shortcut = ")
    return found


def _text(item: Item, label: str) -> str:
    """Return an item as an expression of ``{x0}``; a label is the code of its name."""
    assert isinstance(item, Call | Use), "regions are written out"
    args = [str(arg) for arg in item.args if arg.needed]
    args += [f"name={label}"] if label else []
    if isinstance(item, Use):
        return f"{snake(item.block.name)}({', '.join(['{x0}', *args])})"
    if not item.is_object:
        return item.expression(item.target)
    if item.target.islower() and not item.target.startswith("layers."):
        return f"{item.target}({', '.join(['{x0}', *args])})"
    return f"{item.target}({', '.join(args)})({{x0}})"


def _operations(steps: Steps, labels: dict[int, _Label]) -> tuple[list[Operation], int]:
    """Return the steps as values, and the index of the result."""
    found: list[Operation] = []
    where = {-1: -1}
    for at, step in enumerate(steps):
        inputs = tuple(where[source] for source in step.inputs)
        if step.shortcut and step.when:
            entry = step.inputs == (ENTRY,)
            found.append(Operation((-1,), "shortcut", inner=True) if entry else _choice(step, inputs, labels))
            inputs = (len(found) - 1,)
        else:
            for item in filter(is_something, step.items):
                found.append(_operation(item, step, inputs, labels.get(id(item), _Label())))
                inputs = (len(found) - 1,)
        where[at] = inputs[0] if not step.items or len(inputs) == 1 else len(found) - 1
    return found, where[len(steps) - 1]


def _choice(step: Step, inputs: tuple[int, ...], labels: dict[int, _Label]) -> Operation:
    """Write a shortcut that only some uses have, from an inner value of the block."""
    text = "{x0}"
    for item in step.items:
        text = _text(item, labels.get(id(item), _Label()).code).replace("{x0}", text)
    return Operation(inputs, f"{text} if {step.when} else {{x0}}", level=3)


def _operation(item: Item, step: Step, inputs: tuple[int, ...], label: _Label) -> Operation:
    if isinstance(item, Call) and item.word == GIVEN:
        return Operation((-1,), item.target.strip("{}"), is_name=True)
    text = _text(item, label.code)
    word = item.word if isinstance(item, Call) else ""
    merge = len(inputs) > 1
    if step.optional and step.when:
        return Operation(inputs, f"{text} if residual else {{x0}}", level=3)
    plain = isinstance(item, Call) and not item.tensors
    return Operation(
        inputs,
        text,
        inner=merge or word == "Pad",
        outer=plain or word == "Conv",
        level=LEVELS.get(word, 0),
        wide=word == "Cat",
        first=label.number,
    )


def _build_lines(made: Program) -> list[str]:
    inputs = made.source.inputs
    if _is_sequence(made.steps):
        return ["def build():", *lines(_sequence(made, _input_text(inputs[0])), depth=1, before="return ")]
    words = ["inputs"] if len(inputs) == 1 else words_of(inputs)
    given = words[0] if len(words) == 1 else f"[{', '.join(words)}]"
    names = [{} if len(inputs) == 1 else {"name": literal(word)} for word in words]
    labels = {id(item): _net_label(name, item) for name, item in _net_names(made)}
    operations, result = _looped(*_operations(made.steps, labels))
    return [
        "def build():",
        *(f"    {word} = {_input_text(one, **name)}" for word, one, name in zip(words, inputs, names, strict=True)),
        *body(operations, result, depth=1, entry=words[0], end="outputs = "),
        f"    return keras.Model({given}, outputs)",
    ]


def _input_text(given: Input, **more: str) -> str:
    """Return the code that creates an input."""
    kinds = {"int": '"int32"', "bool": '"bool"'}
    words = {**({"dtype": kinds[given.kind]} if given.kind in kinds else {}), **more}
    if not given.order:
        sizes = literal(last(given.shape))
    else:
        pattern = pattern_of(given.order)
        axes = tuple(None if BATCH in axis else pattern.size(axis) for axis in pattern.output)
        sizes = literal(axes[1:]) if axes[0] is None else f"batch_shape={literal(axes)}"
    return f"keras.Input({', '.join((sizes, *(f'{key}={value}' for key, value in words.items())))})"


def _net_label(name: str, item: Item) -> _Label:
    """Return a name; that of a block's use ends in a number, which a loop may count."""
    plain = name.rstrip(digits)
    return _Label(f'@"{plain}"', name.removeprefix(plain)) if isinstance(item, Use) else _Label(f'"{name}"')


def _is_sequence(steps: Steps) -> bool:
    """Return whether the steps are one chain of Keras layers."""
    if len(steps) != 1 or steps[0].merges:
        return False
    return all(isinstance(i, Call) and i.is_object and i.target.startswith("layers.") for i in steps[0].items)


def _sequence(made: Program, shape: str) -> Doc:
    """Write a chain as ``keras.Sequential``."""
    names = {id(item): name for name, item in _net_names(made)}
    docs: list[Doc] = [shape]
    for item in made.steps[0].items:
        assert isinstance(item, Call), "a sequence has no blocks"
        args = [str(arg) for arg in item.args if arg.needed]
        args += [f'name="{names[id(item)]}"'] if id(item) in names else []
        docs.append(Group(f"{item.target}(", tuple(args)))
    return Group("keras.Sequential(", (Group("[", tuple(docs), "]", open=True),))


def _looped(operations: list[Operation], result: int) -> tuple[list[Operation], int]:
    """Write consecutive equal uses of a block as one repeated operation."""
    readers = Counter(source for operation in operations for source in operation.inputs)

    def again(at: int) -> bool:
        before, now = operations[at - 1 : at + 1]
        same = now.text == before.text and bool(now.first)
        return same and now.inputs == (at - 1,) and readers[at - 1] == 1

    found: list[Operation] = []
    where, at = {-1: -1}, 0
    while at < len(operations):
        times = next((n for n in range(1, len(operations) - at) if not again(at + n)), len(operations) - at)
        for start, count in [(at, times)] if times >= SAME else [(at + n, 1) for n in range(times)]:
            inputs = tuple(where[source] for source in operations[start].inputs)
            found.append(replace(operations[start], inputs=inputs, times=count))
            where |= dict.fromkeys(range(start, start + count), len(found) - 1)
        at += times
    return found, where[result]


def _net_names(made: Program) -> Iterator[tuple[str, Item]]:
    """Name items with tensors: layers by their own names, blocks by their kind and a number."""
    counts: Counter[str] = Counter()
    taken: set[str] = set()
    for item in (item for step in made.steps for item in step.items if _is_named(item)):
        if isinstance(item, Use):
            counts[item.block.name] += 1
            yield _numbered(snake(item.block.name), counts[item.block.name]), item
        else:
            name = re.sub(r"\W", "_", item.layer)
            while name in taken:
                name += "_"
            taken.add(name)
            yield name, item


def _numbered(word: str, number: int) -> str:
    """Return a word and a number such that the 1st ``block2`` differs from the 21st ``block``."""
    return f"{word}_{number}" if word[-1].isdigit() else f"{word}{number}"


def _places(made: Program) -> Iterator[tuple[str, Call]]:
    """Yield each call with tensors, with the name of its layer in the model."""
    for name, item in _net_names(made):
        yield from _item_places(item, name)


def _item_places(item: Item, name: str) -> Iterator[tuple[str, Call]]:
    if isinstance(item, Call):
        yield name, item
    elif isinstance(item, Use):
        labels = _labels(item.block.sample)
        for model, own in zip(item.block.sample, flat(item.steps), strict=True):
            for like, inner in zip(model.items, own.items, strict=False):
                if id(like) in labels:
                    yield from _item_places(inner, f"{name}_{labels[id(like)]}")
