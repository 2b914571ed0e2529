"""No net makes a public verb fall: it gives a result, or refuses in clear words."""

import pytest
from hypothesis import HealthCheck, assume, given, settings

import convscope as cs
from convscope import testing
from convscope.core.graph import Graph, Input, Node
from convscope.core.net import Net
from convscope.core.op import REGISTRY, Example
from convscope.errors import ConvscopeError
from programs import Program, Step, programs
from strategies import ODD, geometry_texts, many_texts, net_texts
from verbs import SLOW, VERBS, refusals

EXAMPLES = [example for made in REGISTRY.values() for example in made.examples]
ALL = {**VERBS, **SLOW}
DRAWS = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def single(example: Example) -> Net:
    """A net of one op."""
    names = tuple("abcdef"[: len(example.inputs)])
    node = Node("it", testing.op_from_text(example.text, example.inputs), names)
    return Net.at(Graph((node,), names), [Input(*one) for one in zip(names, example.inputs, strict=True)])


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.text)
def test_every_op(example: Example) -> None:
    net = single(example)
    refused = refusals(net, ALL)
    assert not {"table", "check", "memory", "compare", "to notation", "to dot", "read again"} & refused.keys(), refused
    if max(map(len, example.inputs)) > 1:
        assert not {"field", "fields", "support", "effective"} & refused.keys(), refused
    assert "to torch" not in refused or "opaque" in refused["to torch"]


def asked(text: str) -> None:
    try:
        net = cs.read(text)
    except ConvscopeError:
        assume(False)  # noqa: FBT003 -- hypothesis's own way to say "not this one"
        raise
    assert not {"table", "check", "memory", "compare", "to notation"} & refusals(net, VERBS).keys()


@pytest.mark.parametrize("text", ODD)
def test_maps_of_other_ranks_than_the_input(text: str) -> None:
    asked(text)


@DRAWS
@given(many_texts())
def test_several_inputs_outputs_and_dead_branches(text: str) -> None:
    asked(text)


@DRAWS
@given(net_texts())
def test_random_nets(text: str) -> None:
    asked(text)


@DRAWS
@given(geometry_texts())
def test_random_geometries(text: str) -> None:
    asked(text)


@DRAWS
@given(programs())
def test_random_programs(program: tuple[tuple[int, ...], list[Step]]) -> None:
    shape, steps = program
    try:
        net = cs.read(Program(steps), input=(1, *shape))
    except ConvscopeError:
        return
    refusals(net, VERBS)
