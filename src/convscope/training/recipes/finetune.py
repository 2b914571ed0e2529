"""finetune: weights that a model brings, trained on images of one's own; the schedule is chosen by their number.

Measured: 98.162 ± 0.422 % on 50 digits of scikit-learn, after MNIST (359 images for testing; mean ± sd of 5 seeds, last
epoch, no test-time augmentation; least 97.77 %), against 92.535 ± 1.172 % of random weights with the recipe own: 5.63
points more, 95 % interval ± 1.43. With 20 digits 12.53 ± 6.20 more, with 200 1.17 ± 0.67, with all 1,438 0.06 ± 0.15.
Faces or not, after Fashion-MNIST (66 images for testing): with 12 photos 4.24 ± 2.45 more, with 50 photos 0.91 ± 1.03
fewer, with all 134 0.30 ± 0.84 more. One busy core of an AMD EPYC, Python 3.11.7, torch 2.13.0+cpu; 2026-11-28,
benchmarks/finetune.py.

Chosen on validation images (LOG.md): the weights are worth these points; a lower rate, the head first, statistics of
norms that stay, or a shorter warm-up added nothing. Stronger augmentation gained two points where the source had
learned other things, which costs points otherwise. With many images, brought weights gain little.
"""

from convscope.training.recipes import own

RECIPE = own.RECIPE.changed(name="finetune", zoom=0.3, rotate=15.0, shift=2)
