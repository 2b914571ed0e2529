"""The list of small files that claim much, through the command line: refused or answered within a second and 300 MB."""

from pathlib import Path

import pytest

from convscope.cli import run
from faults.hold_cases import CASES, Case
from faults.limits import answered, in_memory

pytestmark = pytest.mark.faults

LONG = ("notation: 20,000 convs on 2^20 x 2^20", "onnx: 20,000 inserts into a sequence")
"""20,000 layers or operations, one by one in the net or its file: linear work, of a second and more."""


@pytest.mark.parametrize(
    "case", [case for case in CASES if not case.name.startswith("data")], ids=lambda case: case.name
)
def test_what_claims_much_costs_little(tmp_path: Path, capfd: pytest.CaptureFixture[str], case: Case) -> None:
    assert run(["table", "input 8x8x1, relu"]) == 0
    args = case.build(tmp_path)
    within = in_memory if case.name in LONG else answered
    assert within(lambda: run(list(args))) in {0, 1, 2}
    said = capfd.readouterr().err
    assert "Traceback" not in said
    assert all(char.isprintable() or char == "\n" for char in said)
