"""Nets that are too large to be verified are refused before any of their weights are made."""

from __future__ import annotations

import pytest

import convscope as cs
from convscope.errors import ConvscopeError
from faults.limits import refused

pytestmark = pytest.mark.faults

cs.verify("input 8x8x1, conv 1 3x3", units=1)  # torch is loaded


@pytest.mark.parametrize(
    "text",
    [
        "input 1x1x2147483647, conv 2147483647 1x1",
        "input 1048576x1048576x1, conv 64 3x3 p1",
        "input 1048576x1048576x1, 2000*( conv 1 3x3 p1 )",
        "input 8x8x1, cat( id | const 8x8x2147483647 )",
        "input 8192x8192x64, 64*( relu )",
    ],
)
def test_a_net_that_does_not_fit_is_refused_first(text: str) -> None:
    error = refused(lambda: cs.verify(text))
    assert isinstance(error, ConvscopeError)
    assert "memory" in error.what or "steps" in error.what or "large" in error.what
