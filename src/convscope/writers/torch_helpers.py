"""Modules that torch lacks, as the generated code defines them."""

from __future__ import annotations

UNEVEN_AVG_POOL = '''
class UnevenAvgPool(nn.Module):
    """The mean of what a window counts: the input and its padding, never what hangs over the end."""

    def __init__(
        self, kernel_size: tuple[int, ...], stride: tuple[int, ...], padding: tuple[int, ...], over: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding, self.over = kernel_size, stride, padding, over

    def pool(self, x: Tensor) -> Tensor:
        pool = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[x.dim() - 3]
        return pool(F.pad(x, self.over), self.kernel_size, self.stride)

    def forward(self, x: Tensor) -> Tensor:
        counted = F.pad(torch.ones_like(x[:1, :1]), self.padding, value=1.0)
        return self.pool(F.pad(x, self.padding)) / self.pool(counted)
'''

CHANNEL_NORM = '''
class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels at each position of a map."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)
'''

CHANNEL_RMS_NORM = '''
class ChannelRMSNorm(nn.RMSNorm):
    """RMS norm over the channels at each position of a map."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)
'''

GROUPED = '''
class {name}(nn.{base}):
    """{what} over each group of channels at each position; all groups share their weights."""

    def __init__(self, channels: int, groups: int, **options: object) -> None:
        super().__init__(channels // groups, **options)
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        x = x.movedim(1, -1).unflatten(-1, (self.groups, -1))
        return super().forward(x).flatten(-2).movedim(-1, 1)
'''

STORED = '''
class {name}(nn.Module):
    """{what} that {verb} the input{tiles}."""

    def __init__(self, *shape: int{more}) -> None:
        super().__init__()
        {weight}{keep}

    def forward(self, x: Tensor) -> Tensor:
        return x {sign} self.weight{repeat}
'''


def _stored(verb: str, start: str, sign: str) -> dict[str, tuple[str, ...]]:
    """Return the helper for a learned or fixed tensor, with the input's axes or repeated along them."""
    name = "Scale" if sign == "*" else "Shift"
    made: dict[str, tuple[str, ...]] = {}
    for fixed in (False, True):
        for tiled in (False, True):
            key = f"{'Fixed' if fixed else ''}{'Tiled' if tiled else ''}{name}"
            tensor = f"torch.{start}(shape)"
            text = STORED.format(
                name=key,
                what="A fixed tensor" if fixed else "A trainable tensor",
                verb=verb,
                sign=sign,
                weight=f'self.register_buffer("weight", {tensor})'
                if fixed
                else f"self.weight = nn.Parameter({tensor})",
                tiles=", repeated over it" if tiled else "",
                more=", repeats: tuple[int, ...]" if tiled else "",
                keep="\n        self.repeats = repeats" if tiled else "",
                repeat=".repeat(self.repeats)" if tiled else "",
            )
            made[key] = (text,)
    return made


TOKENS = '''
class Tokens(nn.Module):
    """Learned positions in front of the others."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.weight = nn.Parameter(0.02 * torch.randn(shape))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.weight.expand(len(x), *self.weight.shape), x], dim=2)
'''

CONST = '''
class Const(nn.Module):
    """The same for every sample of ``x``."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        {make}

    def forward(self, x: Tensor) -> Tensor:
        return self.weight.expand(len(x), *self.weight.shape)
'''

SEQUENCE = '''
class Sequence{base}(nn.{base}):
    """A recurrent layer over the positions of ``n c positions``."""

    def __init__(self, channels: int, hidden: int, num_layers: int = 1, **options: bool) -> None:
        super().__init__(channels, hidden, num_layers, batch_first=True, **options)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = super().forward(x.transpose(1, 2))
        return y.transpose(1, 2)
'''

MAP_SEQUENCE = '''
class Map{base}(nn.{base}):
    """A recurrent layer along one axis of a map, for every position of the others by itself."""

    def __init__(self, channels: int, hidden: int, along: int, num_layers: int = 1, **options: bool) -> None:
        super().__init__(channels, hidden, num_layers, batch_first=True, **options)
        self.along = along

    def forward(self, x: Tensor) -> Tensor:
        lines = x.movedim((self.along + 1, 1), (-2, -1))
        y, _ = super().forward(lines.flatten(0, -3))
        return y.unflatten(0, lines.shape[:-2]).movedim((-2, -1), (self.along + 1, 1))
'''

CONTRACTION = '''
class Contraction(nn.Module):
    """A learned product over letters, one axis of the input for each letter."""

    def __init__(
        self, equation: str, shape: tuple[int, ...], letters: tuple[int, ...], bias: tuple[int, ...] = ()
    ) -> None:
        super().__init__()
        self.equation, self.letters, self.spread = equation, letters, bias
        self.weight = nn.Parameter(0.02 * torch.randn(shape))
        self.bias = nn.Parameter(torch.zeros(math.prod(bias))) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        y = torch.einsum(self.equation, x, self.weight.reshape(self.letters))
        return y if self.bias is None else y + self.bias.reshape(self.spread)
'''

SELF_ATTENTION = '''
class SelfAttention(nn.MultiheadAttention):
    """Self-attention between all positions of a map."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__(channels, heads, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(2).transpose(1, 2)
        tokens, _ = super().forward(tokens, tokens, tokens, need_weights=False)
        return tokens.transpose(1, 2).unflatten(2, x.shape[2:])
'''

TILES = '''
def to_tiles(x: Tensor, window: tuple[int, ...]) -> Tensor:
    """Cut a map ``n c h w`` into tiles: one row of positions ``n' positions c`` for each tile."""
    for axis, size in enumerate(window):
        x = x.unflatten(2 + 2 * axis, (-1, size))
    rank = len(window)
    x = x.permute(0, *range(2, 2 + 2 * rank, 2), *range(3, 3 + 2 * rank, 2), 1)
    return x.flatten(1 + rank, 2 * rank).flatten(0, rank)


def from_tiles(tiles: Tensor, window: tuple[int, ...], like: Tensor) -> Tensor:
    """Put the tiles back where they were in a map of this size."""
    rank = len(window)
    counts = [size // tile for size, tile in zip(like.shape[2:], window)]
    x = tiles.unflatten(1, window).unflatten(0, (like.shape[0], *counts))
    order = [side for axis in range(rank) for side in (1 + axis, 1 + rank + axis)]
    return x.permute(0, 2 * rank + 1, *order).reshape(like.shape[0], -1, *like.shape[2:])
'''

WINDOW_ATTENTION = '''
class WindowAttention(nn.MultiheadAttention):
    """Self-attention between the positions of each window of a map."""

    def __init__(self, channels: int, heads: int, window: tuple[int, ...]) -> None:
        super().__init__(channels, heads, batch_first=True)
        self.window = window

    def forward(self, x: Tensor) -> Tensor:
        tiles = to_tiles(x, self.window)
        tiles, _ = super().forward(tiles, tiles, tiles, need_weights=False)
        return from_tiles(tiles, self.window, x)
'''

ATTEND = '''
def attend(q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    """Scaled dot-product attention of ``n positions c`` in several heads."""
    q, k, v = (part.unflatten(2, (heads, -1)).transpose(1, 2) for part in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
'''

PLAIN_ATTENTION = '''
class PlainAttention(nn.Module):
    """Self-attention without projections, between all positions of a map or of each window."""

    def __init__(self, heads: int, window: tuple[int, ...] | None = None) -> None:
        super().__init__()
        self.heads, self.window = heads, window

    def forward(self, x: Tensor) -> Tensor:
        window = self.window or tuple(x.shape[2:])
        tiles = to_tiles(x, window)
        return from_tiles(attend(tiles, tiles, tiles, self.heads), window, x)
'''

DOT_PRODUCT_ATTENTION = '''
class DotProductAttention(nn.Module):
    """Attention with queries, keys and values in the thirds of the channels."""

    def __init__(self, heads: int, window: tuple[int, ...] | None = None) -> None:
        super().__init__()
        self.heads, self.window = heads, window

    def forward(self, x: Tensor) -> Tensor:
        window = self.window or tuple(x.shape[2:])
        q, k, v = to_tiles(x, window).chunk(3, dim=-1)
        return from_tiles(attend(q, k, v, self.heads), window, x)
'''

HELPERS: dict[str, tuple[str, ...]] = {
    "UnevenAvgPool": (UNEVEN_AVG_POOL,),
    "ChannelNorm": (CHANNEL_NORM,),
    "ChannelRMSNorm": (CHANNEL_RMS_NORM,),
    "GroupedNorm": (GROUPED.format(name="GroupedNorm", base="LayerNorm", what="Layer norm"),),
    "GroupedRMSNorm": (GROUPED.format(name="GroupedRMSNorm", base="RMSNorm", what="RMS norm"),),
    **_stored("multiplies", "ones", "*"),
    **_stored("is added to", "zeros", "+"),
    "Tokens": (TOKENS,),
    "Const": (CONST.format(make="self.weight = nn.Parameter(0.02 * torch.randn(shape))"),),
    "FixedConst": (
        CONST.replace("Const(", "FixedConst(").format(make='self.register_buffer("weight", torch.zeros(shape))'),
    ),
    "SequenceLSTM": (SEQUENCE.format(base="LSTM"),),
    "SequenceGRU": (SEQUENCE.format(base="GRU"),),
    "MapLSTM": (MAP_SEQUENCE.format(base="LSTM"),),
    "MapGRU": (MAP_SEQUENCE.format(base="GRU"),),
    "Contraction": (CONTRACTION,),
    "SelfAttention": (SELF_ATTENTION,),
    "WindowAttention": (TILES, WINDOW_ATTENTION),
    "PlainAttention": (TILES, ATTEND, PLAIN_ATTENTION),
    "DotProductAttention": (TILES, ATTEND, DOT_PRODUCT_ATTENTION),
}
"""The definitions that generated code may need, in order."""
