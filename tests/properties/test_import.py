"""Laws of reading modules: what is read computes what the module does, and depends on what the module depends on."""

import numpy as np
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from convscope.analyze.support import support
from convscope.backends.torch import arranged
from convscope.core.order import sizes_in
from convscope.errors import ShapeError
from convscope.frontends.torch import Imported, read_module
from imported import in_order, loaded, real_run
from programs import Program, Step, programs

DRAWS = settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

HIDES = {"normed", "var", "std", "norm", "attended"}
"""Steps of which slopes can vanish where the support does not."""


def reading(program: Program, shape: tuple[int, ...]) -> Imported:
    """What is read; programs that only turn their input are left out."""
    try:
        return read_module(program, shape)
    except ShapeError as error:
        assert "has no layers" in str(error)  # noqa: PT017 -- any other error is a failure
        assume(False)  # noqa: FBT003 -- hypothesis's own way to say "not this one"
        raise


@DRAWS
@given(programs())
def test_the_net_computes_what_the_program_does(drawn: tuple[tuple[int, ...], list[Step]]) -> None:
    shape, steps = drawn
    program = Program(steps).eval()
    imported = reading(program, shape)
    assert real_run(program, shape).unread == imported.unread
    x = torch.rand(1, *shape, dtype=torch.float64) + 0.5
    with torch.no_grad():
        true = program.double()(x)
    assert sizes_in(imported.net.outputs[0].order, imported.net.output) == tuple(true.shape)
    if imported.unread:
        return
    with torch.no_grad():
        mine = in_order(imported, loaded(imported.net).double()(x))
    torch.testing.assert_close(mine, true, rtol=1e-5, atol=1e-5 * float(true.abs().max()))


SLOPES = {"amax": "mean", "adaptive_max_pool": "adaptive_avg_pool", "max_pool": "avg_pool"}
"""For maxima, of which only one number has a slope, the mean of the same numbers."""


def with_slopes(steps: list[Step]) -> list[Step]:
    """The same reads, and no maxima."""
    return [
        Step(SLOPES.get(one.name, one.name), tuple(SLOPES.get(a, a) if isinstance(a, str) else a for a in one.args),
             one.weight)
        for one in steps
    ]  # fmt: skip


@DRAWS
@given(programs(), st.integers(0, 2**31))
def test_the_support_is_where_slopes_come_from(drawn: tuple[tuple[int, ...], list[Step]], seed: int) -> None:
    shape, steps = drawn
    assume(len(shape) > 1 and not any(step.name in HIDES for step in steps))
    imported = reading(Program(steps), shape)
    net, random = imported.net, np.random.default_rng(seed)
    x = (torch.rand(1, *shape, dtype=torch.float64) + 0.5).requires_grad_()
    true = Program(with_slopes(steps)).double()(x)
    lie = arranged(torch.arange(true.numel()).reshape(1, *net.output), net.outputs[0].order).flatten()
    units = torch.argsort(lie).reshape(net.output)
    for _ in range(3):
        at = tuple(int(random.integers(size)) for size in net.output[1:])
        index: tuple[slice | int, ...] = (slice(None), *at)
        asked = true.flatten()[units[index].flatten()]
        (slope,) = torch.autograd.grad(
            asked @ torch.rand(len(asked), dtype=torch.float64).add(0.5), x, retain_graph=True, materialize_grads=True,
            allow_unused=True,
        )  # fmt: skip
        mask, found = (slope[0] != 0).any(0).numpy(), support(net, at=at)
        assert not (mask & ~found.mask).any()
        assert not found.exact or np.array_equal(mask, found.mask)
