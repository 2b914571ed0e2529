"""Pictures of what nets do: one file for each question."""
