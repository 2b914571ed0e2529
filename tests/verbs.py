"""Every public verb on one net: each gives a result, or says in clear words why it cannot."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import convscope as cs
from convscope.errors import ConvscopeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.analyze.table import LayerTable
    from convscope.core.net import Net


def in_all_forms(table: LayerTable) -> list[object]:
    """A table as it is shown, and as the command line writes it."""
    return [str(table), table.to_csv(), table.to_html(), table.to_json()]


VERBS: dict[str, Callable[[Net], Any]] = {
    "table": lambda net: in_all_forms(net.table()),
    "check": lambda net: [str(one := cs.check(net, min_rf=3, max_macs=10**6, object_size=3)), one.to_sarif()],
    "field": lambda net: str(net.field()) + str(net.field(gates=False).to_json()),
    "fields": lambda net: [net.field(layer.node.name).box for layer in net.layers[:12]],
    "support": lambda net: cs.support(net).to_json(),
    "effective": lambda net: cs.effective(net).to_json(),
    "memory": lambda net: [str(one := cs.memory(net)), one.to_json()],
    "compare": lambda net: str(cs.compare(net, net)),
    "of each input": lambda net: [str(net.table(of=one.name)) for one in net.inputs],
    **{f"to {form}": partial(cs.write, to=form) for form in ("notation", "dot", "torch", "keras", "onnx")},
    "read again": lambda net: cs.read(str(net)),
    "report": cs.report,
}
"""What is asked of every net, by a name."""

SLOW: dict[str, Callable[[Net], Any]] = {"verify": lambda net: str(cs.verify(net, units=2))}
"""What runs the net."""


def refusals(net: Net, verbs: dict[str, Callable[[Net], Any]]) -> dict[str, str]:
    """Ask every verb; what is refused, and in which words. Whatever else is raised, is raised."""
    found = {}
    for name, verb in verbs.items():
        try:
            verb(net)
        except ConvscopeError as error:
            found[name] = str(error)
        except Exception as error:
            error.add_note(f"{name} of {net}")
            raise
    return found
