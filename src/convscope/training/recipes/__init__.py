"""The recipes, one file each; the header of each file states its measured result."""
