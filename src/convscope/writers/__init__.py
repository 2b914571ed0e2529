"""Ways to bring a net out."""
