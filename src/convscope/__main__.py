"""``python -m convscope``: the command line; so ``torchrun -m convscope`` starts it in many processes."""

from convscope.cli import main

main()
