"""Drawing what the lenses found; one file for each."""
