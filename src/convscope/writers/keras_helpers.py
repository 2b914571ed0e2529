"""Layers and functions that Keras lacks, as the generated code defines them."""

from __future__ import annotations

LOCAL_RESPONSE_NORM = '''
def local_response_norm(x, size, alpha, beta, k):
    """Divide by the energy of neighbouring channels."""
    before, channels = size // 2, x.shape[-1]
    sides = [(0, 0)] * (len(x.shape) - 1) + [(before, size - 1 - before)]
    squares = ops.pad(ops.square(x), sides)
    energy = sum(squares[..., first : first + channels] for first in range(size)) / size
    return x / ops.power(k + alpha * energy, beta)
'''

UNEVEN_AVERAGE_POOLING = '''
def uneven_average_pooling(x, pool_size, strides, padding, over):
    """The mean of what a window counts: the input and its padding, never what hangs over the end."""

    def pool(y):
        return ops.average_pool(ops.pad(y, over), pool_size, strides)

    counted = ops.pad(ops.ones((1, *x.shape[1:-1], 1)), padding, constant_values=1.0)
    return pool(ops.pad(x, padding)) / pool(counted)
'''

STORED = '''
class {name}(layers.Layer):
    """A tensor of its own that {verb} the input, repeated where it is smaller."""

    def __init__(self, shape, repeats=(), **options):
        super().__init__(**options)
        self.shape, self.repeats = shape, repeats

    def build(self, _):
        self.weight = self.add_weight(shape=self.shape, initializer="{start}", trainable=self.trainable)

    def call(self, x):
        return x {sign} (ops.tile(self.weight, self.repeats) if self.repeats else self.weight)
'''

TOKENS = '''
class Tokens(layers.Layer):
    """Learned positions in front of the others."""

    def __init__(self, count, **options):
        super().__init__(**options)
        self.count = count

    def build(self, shape):
        self.weight = self.add_weight(shape=(self.count, *shape[2:]))

    def call(self, x):
        return ops.concatenate([ops.broadcast_to(self.weight, (ops.shape(x)[0], *self.weight.shape)), x], axis=1)

    def compute_output_shape(self, shape):
        return (shape[0], shape[1] + self.count, *shape[2:])
'''

CONST = '''
class Const(layers.Layer):
    """The same for every sample."""

    def __init__(self, shape, fixed=False, **options):
        super().__init__(**options)
        self.shape, self.fixed = shape, fixed

    def build(self, _):
        self.weight = self.add_weight(shape=self.shape, trainable=self.trainable and not self.fixed)

    def call(self, x):
        return ops.broadcast_to(self.weight, (ops.shape(x)[0], *self.shape))

    def compute_output_shape(self, shape):
        return (shape[0], *self.shape)
'''

TILES = '''
def to_tiles(x, window):
    """Cut a map into tiles: one row of positions for each tile."""
    *sizes, channels = x.shape[1:]
    rank = len(window)
    split = [part for size, tile in zip(sizes, window) for part in (size // tile, tile)]
    x = ops.reshape(x, (-1, *split, channels))
    x = ops.transpose(x, (0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2), 2 * rank + 1))
    return ops.reshape(x, (-1, math.prod(window), channels))


def from_tiles(tiles, window, sizes):
    """Put the tiles back where they were in a map of this size."""
    rank = len(window)
    counts = [size // tile for size, tile in zip(sizes, window)]
    x = ops.reshape(tiles, (-1, *counts, *window, tiles.shape[-1]))
    order = [side for axis in range(1, rank + 1) for side in (axis, axis + rank)]
    return ops.reshape(ops.transpose(x, (0, *order, 2 * rank + 1)), (-1, *sizes, tiles.shape[-1]))
'''

SELF_ATTENTION = '''
def self_attention(x, heads, name):
    """Self-attention between all positions of a map."""
    *sizes, channels = x.shape[1:]
    tokens = layers.Reshape((math.prod(sizes), channels))(x)
    tokens = layers.MultiHeadAttention(heads, channels // heads, name=name)(tokens, tokens)
    return layers.Reshape((*sizes, channels))(tokens)
'''

WINDOW_ATTENTION = '''
def window_attention(x, heads, window, name):
    """Self-attention between the positions of each window of a map."""
    tiles = to_tiles(x, window)
    tiles = layers.MultiHeadAttention(heads, x.shape[-1] // heads, name=name)(tiles, tiles)
    return from_tiles(tiles, window, x.shape[1:-1])
'''

ATTEND = '''
def attend(q, k, v, heads):
    """Scaled dot-product attention of ``n positions c`` in several heads."""
    q, k, v = (ops.reshape(part, (-1, part.shape[1], heads, part.shape[2] // heads)) for part in (q, k, v))
    scores = ops.softmax(ops.einsum("nqhd,nkhd->nhqk", q, k) / math.sqrt(q.shape[-1]))
    mixed = ops.einsum("nhqk,nkhd->nqhd", scores, v)
    return ops.reshape(mixed, (-1, mixed.shape[1], heads * mixed.shape[3]))
'''

PLAIN_ATTENTION = '''
def plain_attention(x, heads, window):
    """Self-attention without projections."""
    tiles = to_tiles(x, window)
    return from_tiles(attend(tiles, tiles, tiles, heads), window, x.shape[1:-1])
'''

DOT_PRODUCT_ATTENTION = '''
def dot_product_attention(x, heads, window):
    """Attention with queries, keys and values in the thirds of the channels."""
    q, k, v = ops.split(to_tiles(x, window), 3, axis=-1)
    return from_tiles(attend(q, k, v, heads), window, x.shape[1:-1])
'''

HELPERS: dict[str, tuple[str, ...]] = {
    "local_response_norm": (LOCAL_RESPONSE_NORM,),
    "uneven_average_pooling": (UNEVEN_AVERAGE_POOLING,),
    "Scale": (STORED.format(name="Scale", verb="multiplies", start="ones", sign="*"),),
    "Shift": (STORED.format(name="Shift", verb="is added to", start="zeros", sign="+"),),
    "Tokens": (TOKENS,),
    "Const": (CONST,),
    "self_attention": (SELF_ATTENTION,),
    "window_attention": (TILES, WINDOW_ATTENTION),
    "plain_attention": (TILES, ATTEND, PLAIN_ATTENTION),
    "dot_product_attention": (TILES, ATTEND, DOT_PRODUCT_ATTENTION),
}
"""The definitions that generated code may need, in order."""
