"""The recipes, one file each; the header of a file is its measured result."""
