"""What judged runs look like; the numbers are checked for themselves in the unit tests."""

import json
from dataclasses import replace
from pathlib import Path

import convscope as cs
from convscope.data import DATASETS
from convscope.training.evaluate import Evaluation
from convscope.training.export import Export
from convscope.training.paired import Disagreement, RunComparison
from convscope.training.recipe import find
from convscope.training.run import Run
from convscope.training.seal import Result
from golden.golden import same_as_golden

JUDGED = Evaluation(0.25, ("cat", "dog", "eel"), ((40, 2, 0), (5, 53, 0), (0, 0, 0)), 0.0312, "pets")
RESULT = Result(loss=0.25, accuracy=0.93, params=340, seconds=1.5, images_per_second=2000.0, sha256={})
RUN = Run(
    Path("runs/a"), cs.read("input 4x4x1, linear 20, linear 3"), DATASETS["mnist"], find("fast"), 0, RESULT
)  # fmt: skip


def test_evaluations() -> None:
    same_as_golden("evaluated/eval.txt", str(JUDGED))
    same_as_golden("evaluated/eval.json", json.dumps(JUDGED.to_json(), indent=1))


def test_comparisons() -> None:
    better = replace(JUDGED, loss=0.2, confusion=((41, 1, 0), (4, 54, 0), (0, 0, 0)), calibration=0.0275)
    images = (*(Disagreement(7 * at, "cat", "dog", "cat") for at in range(7)), *(
        Disagreement(70 + at, "dog", "dog", "cat") for at in range(5)
    ))  # fmt: skip
    other = replace(RUN, path=Path("runs/b"), net=cs.read("input 4x4x1, linear 3"))
    found = RunComparison((RUN, other), (JUDGED, better), images)
    same_as_golden("evaluated/compare.txt", str(found))
    same_as_golden("evaluated/compare.json", json.dumps(found.to_json(), indent=1))


def test_exports() -> None:
    told = {"input": "images n 1 4 4, float32, 0 to 255, scaled inside", "output": "logits n 3"}
    made = Export("onnx", b"x" * 2048, told, "onnxruntime", 100, 100, 2.125e-6, 8.5)
    wrong = replace(made, difference=0.0425)
    same_as_golden("evaluated/export.txt", f"{made.facts()}\n{made.checked()}\n\n{wrong.checked()}")
    same_as_golden("evaluated/export.json", json.dumps(made.to_json(), indent=1))
