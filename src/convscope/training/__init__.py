"""Training: recipes, the loop, evaluation, the run folder."""
