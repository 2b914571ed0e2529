"""A net as a Python module that needs torch only, like code written by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice, pairwise, takewhile
from typing import TYPE_CHECKING, Any

from convscope.core.nest import fold
from convscope.core.order import sizes_in
from convscope.writers import torch_tensor_ops  # noqa: F401 -- registers its spellings
from convscope.writers.arguments import Roles
from convscope.writers.calls import Call, Region, Use, calls
from convscope.writers.common import definitions, params, sizes_text
from convscope.writers.ends import GIVEN, is_something, words_of
from convscope.writers.layout import Group, lines
from convscope.writers.names import part_name, unique
from convscope.writers.program import flat, program
from convscope.writers.schedule import Operation, body
from convscope.writers.stages import staged
from convscope.writers.torch_helpers import HELPERS
from convscope.writers.torch_ops import spell

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from convscope.core.graph import Input, Output
    from convscope.core.net import Layer, Net
    from convscope.writers.calls import Arg, Block, Item, Param, Step, Steps
    from convscope.writers.layout import Doc
    from convscope.writers.program import Program

ROLES = Roles("in_channels", "out_channels", "channels")

ROW, MANY = 68, 3
"""The most characters and items of a chain on one line."""

LEVELS = {"Add": 2, "Sub": 2, "Plus": 2, "Mul": 1, "Div": 1, "Times": 1}
"""Words of operations that are written as operators, with their precedence."""

RESIDUAL = "residual"
"""The attribute for whether a block adds its input."""

SAME = 3
"""Number of equal items from which a loop is written."""


def torch_code(net: Net) -> str:
    """Return the source of a module with a class ``Net``.

    >>> import convscope as cs
    >>> "nn.Conv2d(1, 16, 3)" in torch_code(cs.read("input 28x28x1, conv 16 3x3 relu, gap, linear 10"))
    True
    """
    made = program(net, _spell, ROLES)
    parts = [*map(_block_lines, made.blocks), _net_lines(made)]
    used = {call.helper for layer in [made.steps, *(block.sample for block in made.blocks)] for call in calls(layer)}
    helpers = definitions(HELPERS, used)
    text = "\n\n\n".join([*helpers, *("\n".join(part) for part in parts)])
    head = "\n".join(_head(net, text))
    return f"{head}\n\n\n{text}\n\n\n{_main(net)}\n"


def torch_state(net: Net, tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return tensors, given by ``layer.tensor``, under their names in the ``state_dict`` of the written module.

    Args:
        net: the net that was written.
        tensors: tensors of its layers.
    """
    made = program(net, _spell, ROLES)
    whole = _whole(made)
    positions = _positions((part.name for part in whole), tuple(part.step for part in whole))
    return {position: tensors[key] for key, position in positions}


def _spell(layer: Layer) -> tuple[Call, ...]:
    """Write a layer in torch; code in ``forward`` cannot use the parameters of a block."""
    calls = spell(layer.node.op, layer.inputs)
    return tuple(call if call.is_object else replace(call, args=tuple(map(_word_only, call.args))) for call in calls)


def _word_only(arg: Arg) -> Arg:
    return replace(arg, kind="")


def _head(net: Net, text: str) -> list[str]:
    """Return the docstring and the imports."""
    size = sizes_text(net)
    used = [
        *(["import math", ""] if "math." in text else []),
        "import torch",
        *(["import torch.nn.functional as F"] if "F." in text else []),
        "from torch import Tensor, nn",
    ]
    return [f'"""A net in PyTorch, {size}: {params(net):,} params."""', "", *used]


def _main(net: Net) -> str:
    given = ", ".join(map(_zeros, net.inputs))
    alone = len(net.outputs) == 1 and not net.outputs[0].path
    run = [f"    shape = tuple(net({given}).shape[1:])"] if alone else [f"    net({given})"]
    return "\n".join(
        [
            'if __name__ == "__main__":',
            "    net = Net().eval()",
            "    params = sum(p.numel() for p in net.parameters())",
            *run,
            f'    print(f"{{params:,}} params{", output {shape}" if alone else ""}")',
        ]
    )


def _zeros(given: Input) -> str:
    shape = ", ".join(map(str, sizes_in(given.order, given.shape)))
    kind = {"int": ", dtype=torch.long", "bool": ", dtype=torch.bool"}.get(given.kind, "")
    return f"torch.zeros({shape}{kind})"


@dataclass(frozen=True)
class _Part:
    """A step of a class with the name of its attribute, which is empty if the step is written inline."""

    name: str
    step: Step


def _is_plain(item: Item) -> bool:
    """Return whether a call without tensors and block parameters can be written inline."""
    if not isinstance(item, Call) or item.tensors or any(arg.code for arg in item.args):
        return False
    return bool(item.function) or not item.is_object


def _needs_name(step: Step) -> bool:
    if step.merges or not step.items:
        return False
    return bool(step.when) or len(step.items) > 2 or not all(map(_is_plain, step.items))


def _parts(steps: Steps) -> list[_Part]:
    """Return the steps of a block with their names."""
    hints = [part_name(steps, at) if _needs_name(step) else "" for at, step in enumerate(steps)]
    return [_Part(name, step) for name, step in zip(unique(hints), steps, strict=True)]


def _is_chain(steps: Steps) -> bool:
    """Write a block that is one chain of objects as a subclass of ``nn.Sequential``."""
    objects = (not isinstance(item, Call) or item.is_object for item in steps[0].items)
    return len(steps) == 1 and not steps[0].merges and all(objects)


def _block_lines(block: Block) -> list[str]:
    if not _is_chain(block.sample):
        return _class_lines(block.name, block.params, _terms(block), _parts(block.sample))
    inner = lines(Group("super().__init__(", _docs(block.sample[0].items), open=True), depth=2)
    return [f"class {block.name}(nn.Sequential):", *_signature(block.params), *_terms(block), *inner]


def _terms(block: Block) -> list[str]:
    """Write the named terms of the parameters."""
    return [f"        {name} = {code}" for name, code in block.terms]


def _signature(params: tuple[Param, ...]) -> list[str]:
    words = [f"{p.name}: {p.type}" + ("" if p.default is None else f" = {p.default}") for p in params]
    return lines(Group("def __init__(", ("self", *words), ") -> None:"), depth=1)


def _class_lines(
    name: str, params: tuple[Param, ...], terms: list[str], parts: list[_Part], net: Net | None = None
) -> list[str]:
    """Write a module with its parts as attributes, if any; that of the entire net takes its inputs."""
    words = words_of(net.inputs) if net else ["x"]
    result = _annotation(net.outputs) if net else "Tensor"
    given = ("self", *(f"{word}: Tensor" for word in words))
    made = [line for part in parts if part.name for line in _attribute(part)]
    sums = (part.step.when for part in parts if part.step.optional and part.step.when)
    made += [f"        self.{RESIDUAL} = {when}" for when in islice(sums, 1)]
    start = [*_signature(params), "        super().__init__()", *terms, *made, ""] if made else []
    head = lines(Group("def forward(", given, f") -> {result}:"), depth=1)
    forward = [*head, *body(*_operations(parts), entry=words[0])]
    return [f"class {name}(nn.Module):", *start, *forward]


def _annotation(outputs: Sequence[Output]) -> str:
    """Return the type of the result."""

    def join(kind: str, inside: dict[str, str]) -> str:
        if kind == "tuple" and len(inside) <= MANY:
            return f"tuple[{', '.join(inside.values())}]"
        either = " | ".join(dict.fromkeys(inside.values()))
        return {"tuple": f"tuple[{either}, ...]", "list": f"list[{either}]", "dict": f"dict[str, {either}]"}[kind]

    return fold(outputs, lambda _: "Tensor", join)


def _attribute(part: _Part) -> list[str]:
    """``self.name = ...``; a shortcut that only some uses have is conditional."""
    made, before = _chain_doc(part.step.items), f"self.{part.name} = "
    if not part.step.when:
        return lines(made, depth=2, before=before)
    return [
        f"        {before}nn.Identity()",
        f"        if {part.step.when}:",
        *lines(made, depth=3, before=before),
    ]


def _chain_doc(items: tuple[Item, ...]) -> Doc:
    docs = _docs(items)
    if len(items) == 1:
        return docs[0]
    row = len(docs) <= MANY and len(", ".join(map(str, docs))) <= ROW
    return Group("nn.Sequential(", docs, open=not row)


def _docs(items: tuple[Item, ...]) -> tuple[Doc, ...]:
    """Write items as code; repeated items, or those with a counting argument, become a loop."""
    found: list[Doc] = []
    while items:
        same, count = _same(items), _counted(items)
        if same >= SAME:
            found.append(f"*[{_item_doc(items[0])} for _ in range({same})]")
        elif count > SAME:
            found.append(_range_doc(items[:count]))
        else:
            found.append(_item_doc(items[0]))
        items = items[same if same >= SAME else count if count > SAME else 1 :]
    return tuple(found)


def _same(items: tuple[Item, ...]) -> int:
    """Count leading items with equal code."""
    first = str(_item_doc(items[0]))
    return sum(1 for _ in takewhile(lambda item: str(_item_doc(item)) == first, items))


def _counted(items: tuple[Item, ...]) -> int:
    """Count leading uses of one block whose argument grows in equal steps."""
    steps = [_stride(a, b) for a, b in pairwise(items)]
    return 1 + sum(1 for _ in takewhile(lambda step: step == steps[0] != 0, steps))


def _stride(a: Item, b: Item) -> int:
    """Return the difference between the only arguments of two uses of a block; 0 for anything else."""
    if not isinstance(a, Use) or not isinstance(b, Use) or a.block is not b.block or len(a.args) != 1:
        return 0
    one, other = a.args[0], b.args[0]
    counts = isinstance(one.value, int) and isinstance(other.value, int) and not one.code
    return other.value - one.value if counts else 0


def _range_doc(items: tuple[Item, ...]) -> Doc:
    """Write uses of a block with a counting argument."""
    uses = [item for item in items if isinstance(item, Use)]
    step, (first, last) = _stride(*uses[:2]), (uses[0].args[0].value, uses[-1].args[0].value)
    name = uses[0].block.params[0].name
    return f"*[{uses[0].block.name}({name}) for {name} in range({first}, {last + step}, {step})]"


def _item_doc(item: Item) -> Doc:
    assert not isinstance(item, Region), "regions are written out"
    target = item.block.name if isinstance(item, Use) else item.target
    return Group(f"{target}(", tuple(str(arg) for arg in item.args if arg.needed))


def _operations(parts: list[_Part]) -> tuple[list[Operation], int]:
    """Return the steps as values, and the index of the result; an expression of two calls is two values."""
    found: list[Operation] = []
    where = {-1: -1}
    for at, part in enumerate(parts):
        inputs = tuple(where[source] for source in part.step.inputs)
        if part.name:
            found.append(Operation(inputs, f"self.{part.name}({{x0}})", inner=True))
        if inputs[1:] < inputs[:1] and len(inputs) == 2 and _commutes(part.step):
            inputs = inputs[::-1]  # x + f(x), in either order
        items = () if part.name else tuple(filter(is_something, part.step.items))
        for item in items:
            made = _inline(item, inputs)
            found.append(_conditional(made) if part.step.when else made)
            inputs = (len(found) - 1,)
        where[at] = len(found) - 1 if part.name or items else inputs[0]
    return found, where[len(parts) - 1]


def _conditional(made: Operation) -> Operation:
    """Write the sum of a residual block that only some uses have; the body is its second input."""
    return replace(made, text=f"{made.text} if self.{RESIDUAL} else {{x1}}", inner=False, level=3)


def _commutes(step: Step) -> bool:
    """Return the operator for a sum or product of two inputs that need no new axes."""
    return any(isinstance(item, Call) and item.target in {"{x0} + {x1}", "{x0} * {x1}"} for item in step.items)


def _inline(item: Item, inputs: tuple[int, ...]) -> Operation:
    assert isinstance(item, Call), "what is not a call has a name"
    if item.word == GIVEN:
        return Operation((-1,), item.target.strip("{}"), is_name=True)
    args = [str(arg) for arg in item.args if arg.needed]
    text = item.function or item.target
    if "{" not in text:
        return Operation(inputs, f"{text}({', '.join(['{x0}', *args])})", inner=True, outer=True)
    level, wide = LEVELS.get(item.word, 0), item.word == "Cat"
    return Operation(inputs, item.expression(text), inner=True, outer=True, level=level, wide=wide)


def _net_lines(made: Program) -> list[str]:
    return _class_lines("Net", (), [], _whole(made), made.source)


def _whole(made: Program) -> list[_Part]:
    """Return the steps of a net with their names."""
    found = staged(made)
    names = unique(hint if _needs_name(step) else "" for hint, step in found)
    return [_Part(name, step) for name, (_, step) in zip(names, found, strict=True)]


def _positions(names: Iterable[str], steps: Steps, before: str = "") -> Iterator[tuple[str, str]]:
    """Yield each tensor by ``layer.tensor``, with its name in the module."""
    for name, step in zip(names, steps, strict=True):
        for at, item in enumerate(step.items if name else ()):
            position = f"{before}{name}" if len(step.items) == 1 else f"{before}{name}.{at}"
            yield from _item_positions(item, position)


def _item_positions(item: Item, position: str) -> Iterator[tuple[str, str]]:
    if isinstance(item, Call):
        yield from ((f"{item.layer}.{own}", f"{position}.{there}") for own, there in item.tensors)
    elif isinstance(item, Use) and _is_chain(item.block.sample):
        for at, inner in enumerate(item.steps[0].items):
            yield from _item_positions(inner, f"{position}.{at}")
    elif isinstance(item, Use):
        names = (part.name for part in _parts(item.block.sample))
        yield from _positions(names, flat(item.steps), f"{position}.")
