"""fast: MNIST in one epoch, for the first run and for trying things.

Measured: 99.429 ± 0.046 % (mean ± sd of 20 seeds, last epoch, no test-time augmentation; least 99.32 %), 3.97 s of
training (mean; median 3.98, most 4.26) on 2 cores of an AMD EPYC (Zen4 class, avx512_bf16), Python 3.11.7, torch
2.13.0+cpu; 2026-11-21, benchmarks/time_to_accuracy.py. Chosen on held-out writers of the training set; see LOG.md.

Reasons: the first convolution halves the map at once, since 28x28 maps cost most; pooling comes before norm and relu,
which then process a quarter of the values; layers before a norm have no bias, since the norm cancels it.
"""

from convscope.training.recipe import Recipe

RECIPE = Recipe(
    name="fast",
    net=(
        "input 28x28x1, conv 16 5x5 s2 nobias bn relu, conv 32 3x3 p1 nobias, maxpool 2x2 bn relu, "
        "conv 64 3x3 p1 nobias, maxpool 2x2 bn relu, linear 96 nobias bn relu, linear 10"
    ),
    epochs=1.0,
    batch=128,
    learning_rate=0.015,
    warmup=0.2,
    betas=(0.85, 0.98),
    weight_decay=0.01,
    label_smoothing=0.1,
    shift=1,
)
