"""The drawing of a net: which column and lane each layer is in, and a still figure of it."""
