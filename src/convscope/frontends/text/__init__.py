"""The notation: a net in one line of text. The grammar is documented in :mod:`convscope.frontends.text.parse`."""

from convscope.frontends.text.build import read
from convscope.frontends.text.tokens import MAX_BYTES
from convscope.frontends.text.write import write

__all__ = ["MAX_BYTES", "read", "write"]
