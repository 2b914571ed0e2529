"""Questions about a net: each a pure function from a net to a frozen result, one file each."""
