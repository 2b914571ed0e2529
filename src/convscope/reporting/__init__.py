"""Reports: one page about a net or a run, in one file that needs nothing else."""
