"""fashion-small: Fashion-MNIST with less than 100,000 params (96,330).

Measured: 93.587 ± 0.083 % (mean ± sd of 3 seeds, last epoch, no test-time augmentation; least 93.52 %), 2,140 s of
training on one core of an AMD EPYC (Zen4 class, avx512_bf16; another run on the other core), Python 3.11.7, torch
2.13.0+cpu; 2026-11-21.

Two dense layers, then nine of 3x3 of each channel and 1x1, seven of them residual: five at 14x14, four at 7x7. Chosen
on pictures of the training set that were held out, with 8 epochs; how many epochs it gets was not. See LOG.md.
"""

from convscope.training.recipe import Recipe

RECIPE = Recipe(
    name="fashion-small",
    data="fashion-mnist",
    net=(
        "input 28x28x1, conv 32 3x3 p1 nobias, maxpool 2x2 bn hardswish, conv 32 3x3 p1 nobias bn hardswish, "
        "conv 32 3x3 g32 p1 nobias, conv 96 1x1 nobias bn hardswish, "
        "3*( add( id | conv 96 3x3 g96 p1 nobias, conv 96 1x1 nobias bn hardswish ) ), "
        "conv 96 3x3 g96 p1 nobias, conv 96 1x1 nobias, maxpool 2x2 bn hardswish, "
        "4*( add( id | conv 96 3x3 g96 p1 nobias, conv 96 1x1 nobias bn hardswish ) ), gap, linear 10"
    ),
    epochs=32.0,
    batch=250,
    learning_rate=0.01,
    warmup=0.2,
    betas=(0.85, 0.98),
    weight_decay=0.01,
    label_smoothing=0.1,
    muon_rate=0.15,
    average=0.1,
    dirac=True,
    shift=1,
    flip=True,
    erase=7,
)
