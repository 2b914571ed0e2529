"""What deep nets leave of a gradient, for the table that comes with the package.

    python benchmarks/activation_gradients.py   # writes src/convscope/lens/activation_gradients.json

`tests/unit/test_activations.py` measures two of the functions again and compares.
"""

from __future__ import annotations

import json

from convscope.core.op import spelled
from convscope.lens.activation_curves import curve, op_of
from convscope.lens.activation_gradients import BATCH, SEEDS, TABLE, VERSION, WIDTH, measure

FUNCTIONS = (
    *("id", "relu", "leaky_relu", "leaky_relu:0.1", "leaky_relu:0.2", "prelu", "relu6", "threshold:0", "threshold:1"),
    *("clamp:-1:1", "elu", "selu", "sigmoid", "hardsigmoid", "tanh", "softplus", "gelu", "gelu:approx", "silu"),
    *("hardswish", "mish"),
)


def main() -> None:
    """Measure all and write the table."""
    functions = {}
    for op in map(op_of, FUNCTIONS):
        functions[spelled(op)] = [left.to_json() for left in measure(op, curve(op))]
    nets = {"width": WIDTH, "inputs": BATCH, "seeds": SEEDS}
    rows = ",\n".join(f'  "{name}": [\n   {_lines(entries)}\n  ]' for name, entries in functions.items())
    head = f' "version": {VERSION},\n "nets": {json.dumps(nets)},\n'
    TABLE.write_text(f'{{\n{head} "functions": {{\n{rows}\n }}\n}}\n', encoding="utf-8")


def _lines(entries: list[dict[str, object]]) -> str:
    return ",\n   ".join(map(json.dumps, entries))


if __name__ == "__main__":
    main()
