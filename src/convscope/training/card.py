"""The model card of a run: what the net is, what it was trained on, what it does, how to use it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from convscope.analyze.table import layer_table
from convscope.backends.device import CPU
from convscope.inert import in_markdown
from convscope.training.calibration import BINS
from convscope.training.environment import shown
from convscope.training.evaluate import MANY

if TYPE_CHECKING:
    from convscope.training.environment import Environment
    from convscope.training.evaluate import Evaluation
    from convscope.training.run import Run


def card(run: Run, evaluation: Evaluation, began: Environment) -> str:
    """Return the card as Markdown."""
    env = {name: shown(value) for name, value in began.items()}
    recipe, result, data = run.recipe, run.result, run.dataset
    epochs = f"{recipe.epochs:g} epoch{'' if recipe.epochs == 1 else 's'}"
    shares = [(name, share) for name, share in evaluation.per_class.items() if share is not None]
    lowest = sorted(shares, key=lambda pair: pair[1])[:MANY] if len(shares) > MANY else shares
    classes = ", ".join(f"{in_markdown(name)} {100 * share:.2f} %" for name, share in lowest)
    each = f"The {MANY} lowest of {len(shares):,} classes" if len(shares) > MANY else "Accuracy of each class"
    low, high = (100 * end for end in evaluation.interval)
    name = in_markdown(data.title)
    device = "" if env["device"] in {CPU.name, shown(None)} else f"{env['device']}, beside "
    machine = in_markdown(f"{device}{env['cpu']}, {env['threads']} threads, {env['precision']}")
    return f"""{head(run, evaluation)}
# {name}, recipe {in_markdown(recipe.name)}, seed {run.seed}

`{run.score()}` on the {evaluation.count:,} test images: cross-entropy loss and accuracy after the last epoch.

```
{run.net}
```

{layer_table(run.net).to_markdown()}

## Training

{epochs} on {data.count("train"):,} images, {result.seconds:.1f} s, {result.images_per_second:,.0f}
images/s on {machine}. `recipe.toml` holds every setting, `env.json` the
versions, and `metrics.jsonl` the training log. The same seed on the same machine with the same
number of threads gives the same weights, bit for bit.

## Limits

{each}: {classes}. {evaluation.count:,} test images leave a 95 % interval of {low:.2f} to {high:.2f} %
(Wilson). The predicted probabilities are off by {100 * evaluation.calibration:.2f} points on average (expected
calibration error, {BINS} bins of equal width). The net predicts one of {len(data.classes)} classes whatever the
image shows, and it was trained on nothing but {name}.

Data: {name}, {in_markdown(data.licence)}.

## Use

In the folder of this file:

```
convscope eval .
convscope predict . image.png
convscope export . --to onnx
```
"""


def head(run: Run, evaluation: Evaluation) -> str:
    """Return the head of a model card in YAML, as the hub of Hugging Face reads it.

    Texts are written as in JSON, which YAML takes, so that no name can end the head or add to it.
    """
    data = run.dataset
    kind, _, name = data.name.partition(":")
    known = f"datasets:\n- {json.dumps(name)}\n" if kind.partition(",")[0] == "hf" else ""
    metrics = "".join(
        f"    - type: {key}\n      value: {value:.6f}\n"
        for key, value in (("accuracy", evaluation.accuracy), ("loss", evaluation.loss))
    )
    return f"""---
library_name: convscope
pipeline_tag: image-classification
tags:
- convscope
- image-classification
{known}model-index:
- name: {json.dumps(f"{data.slug}-{run.recipe.name}-seed{run.seed}")}
  results:
  - task:
      type: image-classification
    dataset:
      name: {json.dumps(data.title)}
      type: {json.dumps(name if known else data.slug)}
      split: {json.dumps(evaluation.split)}
    metrics:
{metrics}---
"""
