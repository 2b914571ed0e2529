"""Does a claim about a module hold? Asked of the module itself, by gradients and by torch's own counter."""
