"""``python -m convscope`` runs the command line, and so does ``torchrun -m convscope`` in each of its processes."""

from convscope.cli import main

main()
