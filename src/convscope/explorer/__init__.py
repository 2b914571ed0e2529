"""The explorer: a page to click through a net or a run, in a browser, in a notebook or in one file."""
