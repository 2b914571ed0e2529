"""own: images of one's own. Net, epochs, batch and learning rate are chosen by the images (ladder.py, duration.py).

Measured: 99.814 ± 0.161 % on the digits of scikit-learn as a folder of 8x8 images (359 for testing; mean ± sd of 3
seeds, last epoch, no test-time augmentation; least 99.72 %), about 90 s of training on one busy core of an AMD EPYC,
Python 3.11.7, torch 2.13.0+cpu; 2026-11-28.

The settings here do not depend on the images; the schedule stated here is that for a thousand of them.

Nothing is assumed about what the images show: they are not mirrored, since digits and letters must not be, and are
moved and stretched only a little.
"""

from convscope.training.recipe import Recipe

RECIPE = Recipe(
    name="own",
    net="input 28x28x1, conv 16 5x5 s2 bn relu, conv 32 3x3 p1, maxpool 2 bn relu, gap, linear 10",
    data="mnist",
    epochs=28.0,
    batch=32,
    learning_rate=0.006,
    warmup=0.2,
    betas=(0.9, 0.98),
    weight_decay=0.05,
    label_smoothing=0.1,
    zoom=0.1,
    rotate=5.0,
    shift=1,
    even=True,
)
