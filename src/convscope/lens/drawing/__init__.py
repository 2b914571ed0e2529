"""The drawings of the results; one file for each kind."""
