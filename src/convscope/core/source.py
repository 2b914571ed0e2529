"""The net argument of public functions, which accept anything that :func:`convscope.read` takes."""

from __future__ import annotations

from convscope.core.net import Net


def net_of(source: object, input: object = None) -> Net:  # noqa: A002 -- the word of the notation
    """Return a net as is; read anything else with :func:`convscope.read`.

    Args:
        source: a net, text in the notation, a path, a run, or a model of PyTorch or Keras.
        input: size of the input, for a source that does not state it.

    Raises:
        ConvscopeError: as for :func:`convscope.read`.

    >>> net_of("input 8x8x1, conv 2 3x3").output
    (2, 6, 6)
    """
    if isinstance(source, Net) and input is None:
        return source
    from convscope.frontends import read  # the noun calls the verb; see docs/design/layers.md

    return read(source, input=input)
