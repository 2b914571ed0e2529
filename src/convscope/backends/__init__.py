"""Frameworks that run a net. Each is imported here and nowhere else."""
