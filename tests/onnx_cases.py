"""One small graph for each operator of ONNX that is read, and what net it should be."""

from __future__ import annotations

import numpy as np

from onnx_models import Case

LINE = (1, 4, 9)
PLANE = (1, 4, 6, 5)
TOKENS = (1, 6, 8)
BN = {"s": (4,), "b": (4,), "m": (4,), "v": np.array([0.5, 1.0, 1.5, 2.0], np.float32)}
W33 = {"w": (6, 4, 3, 3), "b": (6,)}

LAYERS: dict[str, Case] = {
    "conv": Case("y = Conv<pads=[1,1,1,1]>(x, w, b)", PLANE, W33, layers=("conv 6 3x3 p1",)),
    "conv without bias": Case("y = Conv(x, w)", PLANE, {"w": (2, 4, 3, 2)}, layers=("conv 2 3x2 nobias",)),
    "conv with zeros for a bias": Case(
        "z0 = Constant<value_floats=[0.0,0.0,0.0,0.0,0.0,0.0]>() y = Conv(x, w, z0)",
        PLANE,
        {"w": (6, 4, 3, 3)},
        layers=("conv 6 3x3 nobias",),
    ),
    "conv 1-d": Case("y = Conv<strides=[2]>(x, w)", LINE, {"w": (3, 4, 3)}, layers=("conv 3 3 s2 nobias",)),
    "conv 3-d": Case("y = Conv(x, w)", (1, 2, 3, 4, 5), {"w": (3, 2, 2, 2, 2)}, layers=("conv 3 2x2x2 nobias",)),
    "conv of everything": Case(
        "y = Conv<strides=[2,1], pads=[1,0,2,1], dilations=[1,2], group=2, kernel_shape=[3,2]>(x, w, b)",
        PLANE,
        {"w": (6, 2, 3, 2), "b": (6,)},
        layers=("conv 6 3x2 s2x1 p1:2x0:1 d1x2 g2",),
    ),
    "conv same upper": Case(
        'y = Conv<auto_pad="SAME_UPPER", strides=[2,2]>(x, w, b)', PLANE, W33, layers=("conv 6 3x3 s2 same",)
    ),
    "conv same lower": Case(
        'y = Conv<auto_pad="SAME_LOWER", strides=[2,2]>(x, w, b)', PLANE, W33, layers=("conv 6 3x3 s2 p1:0x1",)
    ),
    "conv valid": Case('y = Conv<auto_pad="VALID", strides=[2,2]>(x, w, b)', PLANE, W33, layers=("conv 6 3x3 s2",)),
    "convt": Case(
        "y = ConvTranspose<strides=[2,2], pads=[1,1,1,1]>(x, w, b)",
        PLANE,
        {"w": (4, 3, 3, 3), "b": (3,)},
        layers=("convt 3 3x3 s2 p1",),
    ),
    "convt with output padding": Case(
        "y = ConvTranspose<strides=[2,2], output_padding=[1,0], group=2, dilations=[2,1]>(x, w)",
        PLANE,
        {"w": (4, 3, 3, 3)},
        layers=("convt 6 3x3 s2 d2x1 o1x0 g2 nobias",),
    ),
    "convt cut off unevenly": Case(
        "y = ConvTranspose<strides=[2,2], pads=[0,1,1,2]>(x, w)", PLANE, {"w": (4, 3, 4, 4)}
    ),
    "convt same upper": Case(
        'y = ConvTranspose<strides=[2,2], auto_pad="SAME_UPPER">(x, w)', PLANE, {"w": (4, 3, 3, 3)}
    ),
    "convt same lower": Case(
        'y = ConvTranspose<strides=[2,2], auto_pad="SAME_LOWER">(x, w)', PLANE, {"w": (4, 3, 3, 3)}
    ),
    "convt to a size": Case("y = ConvTranspose<strides=[2,2], output_shape=[12,9]>(x, w)", PLANE, {"w": (4, 3, 3, 3)}),
    "maxpool": Case(
        "y = MaxPool<kernel_shape=[3,2], strides=[2,1], pads=[1,0,1,0]>(x)", layers=("maxpool 3x2 s2x1 p1x0",)
    ),
    "maxpool ceil": Case(
        "y = MaxPool<kernel_shape=[3,3], strides=[2,2], ceil_mode=1>(x)", layers=("maxpool 3x3 s2 ceil",)
    ),
    "maxpool dilated": Case("y = MaxPool<kernel_shape=[2,2], dilations=[2,2]>(x)", layers=("maxpool 2x2 s1 d2",)),
    "maxpool same": Case(
        'y = MaxPool<kernel_shape=[3,3], strides=[2,2], auto_pad="SAME_UPPER">(x)', layers=("maxpool 3x3 s2 same",)
    ),
    "maxpool 1-d": Case("y = MaxPool<kernel_shape=[2], strides=[2]>(x)", LINE, layers=("maxpool 2",)),
    "avgpool": Case("y = AveragePool<kernel_shape=[3,3], strides=[2,2]>(x)", layers=("avgpool 3x3 s2",)),
    "avgpool padded": Case(
        "y = AveragePool<kernel_shape=[3,3], pads=[1,1,1,1]>(x)", layers=("avgpool 3x3 s1 p1 nocount",)
    ),
    "avgpool padded and counted": Case(
        "y = AveragePool<kernel_shape=[3,3], pads=[1,1,1,1], count_include_pad=1>(x)", layers=("avgpool 3x3 s1 p1",)
    ),
    "global average": Case("y = GlobalAveragePool(x)", layers=("gap",)),
    "global maximum": Case("y = GlobalMaxPool(x)", layers=("gmp",)),
    "bn": Case("y = BatchNormalization<epsilon=0.001>(x, s, b, m, v)", PLANE, BN, layers=("bn e0.001",)),
    "bn before 14": Case("y = BatchNormalization(x, s, b, m, v)", PLANE, BN, 9, layers=("bn",)),
    "instance norm": Case(
        "y = InstanceNormalization(x, s, b)", PLANE, {"s": (4,), "b": (4,)}, layers=("instnorm affine",)
    ),
    "layer norm of tokens": Case("y = LayerNormalization<axis=-1>(x, s, b)", TOKENS, {"s": (8,), "b": (8,)}),
    "layer norm of everything": Case(
        "y = LayerNormalization<axis=1>(x, s, b)",
        PLANE,
        {"s": PLANE[1:], "b": PLANE[1:]},
        layers=("gn 1 noaffine", "scale 6x5x4", "shift 6x5x4"),
    ),
    "layer norm without a shift": Case("y = LayerNormalization(x, s)", TOKENS, {"s": (8,)}),
    "layer norm before 17": Case(
        "t = Transpose<perm=[0,2,3,1]>(x) m = ReduceMean<axes=[-1]>(t) "
        "d = Sub(t, m) q = Pow(d, two) v = ReduceMean<axes=[-1]>(q) "
        "e = Add(v, eps) r = Sqrt(e) n = Div(d, r) f = Mul(n, s) g2 = Add(f, b) y = Transpose<perm=[0,3,1,2]>(g2)",
        PLANE,
        {"s": (4,), "b": (4,), "two": np.float32(2), "eps": np.float32(1e-6)},
        13,
        layers=("ln e1e-06",),
    ),
    "group norm": Case(
        "y = GroupNormalization<num_groups=2>(x, s, b)", PLANE, {"s": (4,), "b": (4,)}, 21, layers=("gn 2",)
    ),
    "group norm of torch": Case(
        "ones = Constant<value_floats=[1.0,1.0]>() zeros = Constant<value_floats=[0.0,0.0]>() "
        "r = Reshape(x, to) n = InstanceNormalization(r, ones, zeros) k = Reshape(n, back) f = Mul(k, s) y = Add(f, b)",
        PLANE,
        {
            "to": np.array([0, 2, -1]),
            "back": np.array(PLANE),
            "s": (4, 1, 1),
            "b": (4, 1, 1),
        },
        layers=("gn 2",),
    ),
    "rms norm": Case("y = RMSNormalization(x, s)", TOKENS, {"s": (8,)}, 23),
    "lrn": Case("y = LRN<size=3, alpha=0.01, beta=0.5, bias=2.0>(x)", layers=("lrn 3 alpha0.01 beta0.5 k2.0",)),
    "gemm": Case("y = Gemm<transB=1>(x, w, b)", (1, 5), {"w": (3, 5), "b": (3,)}, layers=("linear 3",)),
    "gemm with factors": Case(
        "y = Gemm<alpha=0.5, beta=2.0>(x, w, b)", (1, 5), {"w": (5, 3), "b": (1, 3)}, layers=("linear 3",)
    ),
    "gemm without bias": Case("y = Gemm(x, w)", (1, 5), {"w": (5, 3)}, layers=("linear 3 nobias",)),
    "matmul": Case("y = MatMul(x, w)", TOKENS, {"w": (8, 3)}),
    "matmul and its bias": Case("m = MatMul(x, w) y = Add(b, m)", TOKENS, {"w": (8, 3), "b": (3,)}),
    "matmul from the left": Case("y = MatMul(w, x)", TOKENS, {"w": (3, 6)}),
    "matmul of two": Case("t = Transpose<perm=[0,2,1]>(x) y = MatMul(x, t)", TOKENS),
    "matmul of a vector": Case("y = MatMul(x, w)", TOKENS, {"w": (8,)}),
    "attention": Case("y = Attention<q_num_heads=2, kv_num_heads=2>(x, x, x)", TOKENS, {}, 23),
    "attention, causal": Case(
        "y = Attention<q_num_heads=2, kv_num_heads=2, is_causal=1, scale=0.3>(x, x, x)", TOKENS, {}, 23
    ),
    "attention with a mask": Case(
        "y = Attention<q_num_heads=2, kv_num_heads=2>(x, x, x, m)", TOKENS, {"m": (6, 6)}, 23
    ),
    "prelu": Case("y = PRelu(x, s)", PLANE, {"s": (4, 1, 1)}, layers=("prelu 4",)),
    "prelu with one slope": Case("y = PRelu(x, s)", PLANE, {"s": (1,)}, layers=("prelu",)),
    "softmax": Case("y = Softmax<axis=1>(x)", layers=("softmax",)),
    "softmax of tokens": Case("y = Softmax(x)", TOKENS),
    "softmax before 13": Case("y = Softmax<axis=2>(x)", PLANE, opset=11, layers=("spatial_softmax",)),
    "log softmax": Case("y = LogSoftmax<axis=1>(x)", layers=("softmax", "map log")),
    "lstm": Case(
        "t = Transpose<perm=[2,0,1]>(x) y, h, c = LSTM<hidden_size=3>(t, w, r, b)",
        (1, 4, 5),
        {"w": (1, 12, 4), "r": (1, 12, 3), "b": (1, 24)},
        layers=("lstm 3",),
    ),
    "lstm in both directions": Case(
        't = Transpose<perm=[2,0,1]>(x) y, h, c = LSTM<hidden_size=3, direction="bidirectional">(t, w, r)',
        (1, 4, 5),
        {"w": (2, 12, 4), "r": (2, 12, 3)},
        layers=("lstm 3 both nobias", "rearrange a2b3xc5:cxax1xb"),
    ),
    "what an lstm gives last": Case(
        't = Transpose<perm=[2,0,1]>(x) s, y = LSTM<hidden_size=3, direction="bidirectional">(t, w, r)',
        (1, 4, 5),
        {"w": (2, 12, 4), "r": (2, 12, 3)},
    ),
    "gru": Case(
        "t = Transpose<perm=[2,0,1]>(x) y = GRU<hidden_size=3, linear_before_reset=1>(t, w, r, b)",
        (1, 4, 5),
        {"w": (1, 9, 4), "r": (1, 9, 3), "b": (1, 18)},
        layers=("gru 3",),
    ),
}

NUMBERS: dict[str, Case] = {
    **{
        name: Case(f"y = {text}(x)", layers=(layer,))
        for name, text, layer in (
            ("relu", "Relu", "relu"),
            ("leaky relu", "LeakyRelu<alpha=0.2>", "leaky_relu 0.2"),
            ("leaky relu as it is", "LeakyRelu", "leaky_relu"),
            ("sigmoid", "Sigmoid", "sigmoid"),
            ("tanh", "Tanh", "tanh"),
            ("elu", "Elu<alpha=0.5>", "elu 0.5"),
            ("thresholded relu", "ThresholdedRelu<alpha=0.5>", "threshold 0.5"),
            ("thresholded relu as it is", "ThresholdedRelu", "threshold 1.0"),
            ("selu", "Selu", "selu"),
            ("softplus", "Softplus", "softplus"),
            ("softsign", "Softsign", "map softsign"),
            ("mish", "Mish", "mish"),
            ("hardswish", "HardSwish", "hardswish"),
            ("hardsigmoid of torch", "HardSigmoid<alpha=0.16666667>", "hardsigmoid"),
            ("gelu", "Gelu", "gelu"),
            ("gelu by tanh", 'Gelu<approximate="tanh">', "gelu approx"),
            ("exp", "Exp", "map exp"),
            ("abs", "Abs", "map abs"),
            ("neg", "Neg", "map neg"),
            ("sin", "Sin", "map sin"),
            ("cos", "Cos", "map cos"),
            ("erf", "Erf", "map erf"),
            ("reciprocal", "Reciprocal", "map reciprocal"),
        )
    },
    "swish": Case("y = Swish(x)", opset=24, layers=("silu",)),
    "hardsigmoid": Case("y = HardSigmoid(x)", layers=("times 0.2", "plus 0.5", "clamp 0.0 1.0")),
    "celu": Case("y = Celu<alpha=0.5>(x)", layers=("times 2.0", "elu", "times 0.5")),
    "selu with its own numbers": Case("y = Selu<alpha=1.0, gamma=2.0>(x)", layers=("elu", "times 2.0")),
    "sqrt of abs": Case("a = Abs(x) y = Sqrt(a)", layers=("map abs", "map sqrt")),
    "log of abs": Case("a = Abs(x) y = Log(a)", layers=("map abs", "map log")),
    "clip to relu6": Case("y = Clip(x, lo, hi)", PLANE, {"lo": np.float32(0), "hi": np.float32(6)}, layers=("relu6",)),
    "clip from below": Case("y = Clip(x, lo)", PLANE, {"lo": np.float32(0)}, layers=("relu",)),
    "clip from above": Case("y = Clip(x, , hi)", PLANE, {"hi": np.float32(0.3)}),
    "clip before 11": Case("y = Clip<min=-0.5, max=0.25>(x)", opset=9, layers=("clamp -0.5 0.25",)),
    "silu of two": Case("s = Sigmoid(x) y = Mul(x, s)", layers=("silu",)),
    "hardswish of two": Case("s = HardSigmoid<alpha=0.16666667>(x) y = Mul(s, x)", layers=("hardswish",)),
    "hardswish of four": Case(
        "a = Add(x, three) c = Clip(a, zero, six) p = Mul(x, c) y = Div(p, six)",
        PLANE,
        {"three": np.float32(3), "zero": np.float32(0), "six": np.float32(6)},
        layers=("hardswish",),
    ),
    "hardsigmoid of three": Case(
        "a = Add(x, three) c = Clip(a, zero, six) y = Div(c, six)",
        PLANE,
        {"three": np.float32(3), "zero": np.float32(0), "six": np.float32(6)},
        layers=("hardsigmoid",),
    ),
    "mish of three": Case("s = Softplus(x) t = Tanh(s) y = Mul(x, t)", layers=("mish",)),
    "gelu of five": Case(
        "a = Div(x, r) e = Erf(a) p = Add(e, one) m = Mul(x, p) y = Mul(m, half)",
        PLANE,
        {"r": np.float32(2**0.5), "one": np.float32(1), "half": np.float32(0.5)},
        layers=("gelu",),
    ),
    "gelu with the half first": Case(
        "a = Div(x, r) e = Erf(a) p = Add(one, e) h = Mul(x, half) y = Mul(h, p)",
        PLANE,
        {"r": np.float32(2**0.5), "one": np.float32(1), "half": np.float32(0.5)},
        layers=("gelu",),
    ),
    "gelu by tanh, of nine": Case(
        "q = Pow(x, three) s = Mul(q, c) t = Add(x, s) u = Mul(t, k) "
        "h = Tanh(u) p = Add(h, one) a = Mul(x, half) y = Mul(a, p)",
        PLANE,
        {
            "three": np.float32(3),
            "c": np.float32(0.044715),
            "k": np.float32((2 / np.pi) ** 0.5),
            "one": np.float32(1),
            "half": np.float32(0.5),
        },
        layers=("gelu approx",),
    ),
    "sigmoid that is read twice": Case("s = Sigmoid(x) m = Mul(x, s) y = Add(m, s)", layers=("sigmoid", "mul", "add")),
    "add a number": Case("y = Add(x, c)", PLANE, {"c": np.float32(0.1)}, layers=("plus 0.1",)),
    "subtract from a number": Case("y = Sub(c, x)", PLANE, {"c": np.float32(1)}, layers=("times -1.0", "plus 1.0")),
    "divide a number": Case("y = Div(c, x)", PLANE, {"c": np.float32(3)}, layers=("map reciprocal", "times 3.0")),
    "multiply channels": Case("y = Mul(x, c)", PLANE, {"c": (4, 1, 1)}, layers=("scale 1x1x4",)),
    "divide channels": Case("y = Div(x, c)", PLANE, {"c": (1, 4, 1, 1)}, layers=("scale 1x1x4",)),
    "subtract a map": Case("y = Sub(x, c)", PLANE, {"c": (6, 5)}, layers=("shift 6x5x1",)),
    "two tensors": Case("a = Relu(x) b = Tanh(x) s = Sub(a, b) d = Div(s, x) y = Mul(d, b)"),
    "sum of three": Case("a = Relu(x) b = Tanh(x) y = Sum(a, b, x)", layers=("relu", "tanh", "add", "add")),
    "mean of two": Case("a = Relu(x) y = Mean(a, x)", layers=("relu", "add", "times 0.5")),
    "largest of two": Case("a = Neg(x) y = Max(a, x)", layers=("map neg", "maximum")),
    "smallest of two": Case("a = Neg(x) y = Min(a, x)", layers=("map neg", "minimum")),
    "largest of a number": Case("y = Max(x, c)", PLANE, {"c": np.float32(0.2)}),
    "square": Case("y = Pow(x, c)", PLANE, {"c": np.float32(2)}, layers=("map square",)),
    "cube": Case("y = Pow(x, c)", PLANE, {"c": np.float32(3)}, layers=("pow 3.0",)),
    "gate": Case("p = GlobalAveragePool(x) s = Sigmoid(p) y = Mul(x, s)", layers=("gap", "sigmoid", "mul")),
    "dropout": Case("y = Dropout<ratio=0.3>(x)", opset=10, layers=("dropout 0.3",)),
    "dropout now": Case("y = Dropout(x, r)", PLANE, {"r": np.float32(0.25)}, layers=("dropout 0.25",)),
    "cast": Case("c = Cast<to=11>(x) d = CastLike(c, x) y = Identity(d)"),
    "where": Case("y = Where(m, x, c)", PLANE, {"m": np.arange(30).reshape(6, 5) % 3 > 0, "c": np.float32(0.5)}),
    "where not": Case("y = Where(m, c, x)", PLANE, {"m": np.arange(30).reshape(6, 5) % 3 > 0, "c": np.float32(-1e9)}),
    "mean": Case("y = ReduceMean(x, a)", PLANE, {"a": np.array([2, 3])}, layers=("gap",)),
    "mean before 18": Case("y = ReduceMean<axes=[2,3], keepdims=0>(x)", opset=13, layers=("gap",)),
    "mean of all": Case("y = ReduceMean<keepdims=0>(x)"),
    "mean of nothing": Case("r = Relu(x) y = ReduceMean<noop_with_empty_axes=1>(r)", layers=("relu",)),
    **{
        f"{name} over channels": Case(f"y = Reduce{name}<keepdims=0>(x, a)", PLANE, {"a": np.array([1])})
        for name in ("Mean", "Sum", "Max", "Min", "L1", "L2", "SumSquare", "LogSumExp")
    },
    "log of a sum": Case("a = Abs(x) y = ReduceLogSum(a, c)", PLANE, {"c": np.array([1])}),
    "einsum of two": Case('y = Einsum<equation="bic,bjc->bij">(x, x)', TOKENS),
    "einsum with a stored matrix": Case('y = Einsum<equation="bnc,cd->bnd">(x, w)', TOKENS, {"w": (8, 3)}),
    "einsum with dots": Case('y = Einsum<equation="...c,dc->...d">(x, w)', TOKENS, {"w": (3, 8)}),
    "einsum that sums": Case('y = Einsum<equation="bnc->bc">(x)', TOKENS),
    "quantised and back": Case(
        "q = QuantizeLinear(x, s, z) y = DequantizeLinear(q, s, z)",
        PLANE,
        {"s": np.float32(1e-4), "z": np.array(0, np.int16)},
        21,
    ),
}


SHAPES: dict[str, Case] = {
    "flatten": Case("y = Flatten(x)"),
    "flatten later": Case("y = Flatten<axis=2>(x)"),
    "reshape": Case("y = Reshape(x, s)", PLANE, {"s": np.array([0, 2, 2, -1])}),
    "reshape that cuts across": Case("y = Reshape(x, s)", PLANE, {"s": np.array([1, 8, 15])}),
    "reshape from what is there": Case(
        "s = Shape(x) b = Gather(s, zero) u = Unsqueeze(b, a) c = Concat<axis=0>(u, rest) y = Reshape(x, c)",
        PLANE,
        {"zero": np.array(0), "a": np.array([0]), "rest": np.array([-1])},
    ),
    "transpose": Case("y = Transpose<perm=[0,2,3,1]>(x)"),
    "transpose as it is": Case("y = Transpose(x)"),
    "squeeze": Case("p = GlobalAveragePool(x) y = Squeeze(p, a)", PLANE, {"a": np.array([2, 3])}),
    "squeeze before 13": Case("p = GlobalAveragePool(x) y = Squeeze<axes=[2]>(p)", opset=11),
    "squeeze all": Case("p = GlobalAveragePool(x) y = Squeeze(p)"),
    "unsqueeze": Case("y = Unsqueeze(x, a)", PLANE, {"a": np.array([1, -1])}),
    "unsqueeze before 13": Case("y = Unsqueeze<axes=[0,4]>(x)", opset=11),
    "expand": Case("p = GlobalAveragePool(x) y = Expand(p, s)", PLANE, {"s": np.array([1, 4, 3, 2])}),
    "tile": Case("y = Tile(x, t)", PLANE, {"t": np.array([1, 2, 1, 3])}),
    "concat": Case("a = Relu(x) y = Concat<axis=1>(a, x)", layers=("relu", "cat")),
    "concat places": Case("a = Relu(x) y = Concat<axis=3>(a, x)", layers=("relu", "cat along2")),
    "concat a token": Case("y = Concat<axis=1>(t, x)", TOKENS, {"t": (1, 1, 8)}),
    "split": Case("a, b = Split<axis=1>(x, s) c = Relu(b) y = Concat<axis=1>(c, a)", PLANE, {"s": np.array([1, 3])}),
    "split before 13": Case("a, b = Split<axis=1, split=[1,3]>(x) c = Relu(b) y = Concat<axis=1>(c, a)", opset=11),
    "split in equal parts": Case("a, b = Split<axis=3, num_outputs=2>(x) y = Concat<axis=3>(b, a)"),
    "slice": Case(
        "y = Slice(x, s, e, a, t)",
        PLANE,
        {"s": np.array([1, -4]), "e": np.array([9, 2**62]), "a": np.array([2, 3]), "t": np.array([2, 1])},
    ),
    "slice channels": Case(
        "y = Slice(x, s, e, a)",
        PLANE,
        {"s": np.array([1]), "e": np.array([-1]), "a": np.array([1])},
        layers=("take 1:3",),
    ),
    "slice before 10": Case("y = Slice<starts=[1], ends=[3], axes=[2]>(x)", opset=9, layers=("crop 1:3x0",)),
    "roll": Case(
        "a = Slice(x, one, end, two) b = Slice(x, zero, one, two) y = Concat<axis=2>(a, b)",
        PLANE,
        {"zero": np.array([0]), "one": np.array([1]), "two": np.array([2]), "end": np.array([6])},
        layers=("roll 5x0",),
    ),
    "gather one": Case("y = Gather<axis=2>(x, i)", PLANE, {"i": np.array(-1)}),
    "gather a range": Case("y = Gather<axis=1>(x, i)", PLANE, {"i": np.array([0, 2])}),
    "gather a list": Case(
        "y = Gather<axis=3>(x, i)", PLANE, {"i": np.array([3, 0, -1])}, layers=("pick 3.0.4 along2",)
    ),
    "slice backwards": Case(
        "y = Slice(x, s, e, a, t)",
        PLANE,
        {"s": np.array([-1]), "e": np.array([-99]), "a": np.array([2]), "t": np.array([-1])},
        layers=("pick 5-0 along1",),
    ),
    "cumsum": Case("y = CumSum(x, i)", PLANE, {"i": np.array(-1)}, layers=("cumsum along2",)),
    "cumsum from the end": Case("y = CumSum<reverse=1, exclusive=1>(x, i)", PLANE, {"i": np.array(2)}),
    "gather in another shape": Case("y = Gather<axis=1>(x, i)", PLANE, {"i": np.array([[0, 1], [2, 3]])}),
    "pad": Case("y = Pad(x, p)", PLANE, {"p": np.array([0, 0, 1, 2, 0, 0, 3, 0])}, layers=("pad 1:3x2:0",)),
    "pad with a number": Case(
        "y = Pad(x, p, v)",
        PLANE,
        {"p": np.array([0, 0, 1, 1, 0, 0, 1, 1]), "v": np.float32(-2)},
        layers=("pad 1 v-2.0",),
    ),
    "pad by the mirror": Case(
        'y = Pad<mode="reflect">(x, p)', PLANE, {"p": np.array([0, 0, 1, 1, 0, 0, 1, 1])}, layers=("pad 1 reflect",)
    ),
    "pad by the edge": Case(
        'y = Pad<mode="edge">(x, p)', PLANE, {"p": np.array([0, 0, 1, 1, 0, 0, 1, 1])}, layers=("pad 1 replicate",)
    ),
    "pad around": Case(
        'y = Pad<mode="wrap">(x, p)', PLANE, {"p": np.array([0, 0, 1, 1, 0, 0, 1, 1])}, layers=("pad 1 circular",)
    ),
    "pad some axes": Case(
        "y = Pad(x, p, , a)", PLANE, {"p": np.array([1, 2]), "a": np.array([3])}, layers=("pad 0x1:2",)
    ),
    "pad before 11": Case("y = Pad<pads=[0,0,1,1,0,0,1,1]>(x)", opset=9, layers=("pad 1",)),
    "pad that crops": Case("y = Pad(x, p)", PLANE, {"p": np.array([0, 0, -1, 0, 0, 0, 0, 1])}),
    "depth to space": Case("y = DepthToSpace<blocksize=2>(x)"),
    "depth to space, channels first": Case('y = DepthToSpace<blocksize=2, mode="CRD">(x)', layers=("pixelshuffle 2",)),
    "space to depth": Case("y = SpaceToDepth<blocksize=2>(x)", (1, 3, 4, 6)),
    "channel shuffle": Case(
        "r = Reshape(x, s) t = Transpose<perm=[0,2,1,3,4]>(r) y = Reshape(t, k)",
        PLANE,
        {"s": np.array([1, 2, 2, 6, 5]), "k": np.array(PLANE)},
        layers=("shuffle 2",),
    ),
    "resize nearest": Case("y = Resize(x, , s)", PLANE, {"s": np.array([1, 1, 2, 2], np.float32)}, layers=("up 2x2",)),
    "resize as torch has it": Case(
        'y = Resize<coordinate_transformation_mode="asymmetric", nearest_mode="floor">(x, , , z)',
        PLANE,
        {"z": np.array([1, 4, 9, 7])},
        layers=("resize 9x7",),
    ),
    "resize linear": Case(
        'y = Resize<mode="linear">(x, , , z)', PLANE, {"z": np.array([1, 4, 9, 7])}, layers=("resize 9x7 bilinear",)
    ),
    "resize linear, corners aligned": Case(
        'y = Resize<mode="linear", coordinate_transformation_mode="align_corners">(x, , , z)',
        PLANE,
        {"z": np.array([1, 4, 9, 7])},
        layers=("resize 9x7 bilinear align",),
    ),
    "resize cubic": Case(
        'y = Resize<mode="cubic">(x, , , z)', PLANE, {"z": np.array([1, 4, 9, 7])}, layers=("resize 9x7 bicubic",)
    ),
    "resize some axes": Case(
        "y = Resize<axes=[2,3]>(x, , s)", PLANE, {"s": np.array([3, 2], np.float32)}, layers=("up 3x2",)
    ),
    "resize before 11": Case(
        "y = Resize(x, s)", PLANE, {"s": np.array([1, 1, 2, 2], np.float32)}, 10, layers=("up 2x2",)
    ),
    "upsample": Case("y = Upsample(x, s)", PLANE, {"s": np.array([1, 1, 2, 3], np.float32)}, 9, layers=("up 2x3",)),
    "sequence": Case(
        "q = SplitToSequence<axis=1>(x, two) a = SequenceAt(q, one) b = SequenceAt(q, zero) y = Concat<axis=1>(a, b)",
        PLANE,
        {"two": np.array(2), "one": np.array(1), "zero": np.array(0)},
    ),
    "sequence joined again": Case("a = Relu(x) q = SequenceConstruct(a, x) y = ConcatFromSequence<axis=1>(q)"),
    "channels last": Case("t = Transpose<perm=[0,3,1,2]>(x) y = Conv(t, w)", (1, 6, 5, 4), {"w": (2, 4, 3, 3)}),
}

CASES = {**LAYERS, **NUMBERS, **SHAPES}

W = {"w": (2, 3, 4), "v": (3, 4), "i": np.array([[2, 0], [1, 1]]), "n": np.array([7, -7, 5]), "d": np.array([2, 2, -2])}

CONSTANTS: dict[str, str] = {
    **{
        name: f"c = {name}(w)"
        for name in (
            *("Identity", "Neg", "Abs", "Sign", "Exp", "Sin", "Cos", "Tanh", "Erf", "Floor", "Ceil", "Round"),
            *("Reciprocal", "Sigmoid", "Relu", "Shape", "Size", "Transpose", "NonZero", "IsNaN", "IsInf"),
        )
    },
    "Sqrt": "a = Abs(w) c = Sqrt(a)",
    "Log": "a = Abs(w) c = Log(a)",
    "Not": "a = Greater(w, v) c = Not(a)",
    "Dropout": "c = Dropout(w)",
    "Clip": "lo = Constant<value_float=-0.5>() hi = Constant<value_float=0.3>() c = Clip(w, lo, hi)",
    "Cast": "c = Cast<to=7>(w)",
    "CastLike": "c = CastLike(w, i)",
    **{name: f"c = {name}(w, v)" for name in ("Add", "Sub", "Mul", "Div", "Max", "Min", "Sum", "Mean")},
    **{name: f"c = {name}(w, v)" for name in ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")},
    "And, Or, Xor": "a = Less(w, v) b = Less(v, w) p = And(a, b) q = Or(a, b) o = Xor(p, q) c = Where(o, w, v)",
    "Div of integers": "c = Div(n, d)",
    "Mod": "c = Mod(n, d)",
    "Mod of numbers": "c = Mod<fmod=1>(w, v)",
    "Pow": "a = Abs(w) c = Pow(a, v)",
    "Where": "a = Less(w, v) c = Where(a, w, v)",
    **{
        f"Reduce{name}": f"a = Constant<value_ints=[0,-1]>() c = Reduce{name}(w, a)" for name in ("Mean", "Sum", "Prod")
    },
    **{f"Reduce{name}": f"c = Reduce{name}<keepdims=0>(w)" for name in ("Max", "Min", "L2")},
    "ArgMax": "c = ArgMax<axis=1>(w)",
    "ArgMin": "c = ArgMin<axis=2, keepdims=0>(w)",
    "MatMul": "t = Transpose<perm=[1,0]>(v) c = MatMul(w, t)",
    "Conv": "t = Transpose<perm=[1,0]>(v) u = Unsqueeze(t, two) c = Conv(w, u, e4)",
    "BatchNormalization": "s = Constant<value_floats=[0.5,1.0,2.0]>() m = Constant<value_floats=[0.1,0.2,0.3]>() "
    "c = BatchNormalization(w, s, m, m, s)",
    "QuantizeLinear": "s = Constant<value_float=0.01>() q = QuantizeLinear(w, s) c = DequantizeLinear(q, s)",
    "DequantizeLinear": "i8 = Cast<to=3>(i) s = Constant<value_floats=[0.5,0.25]>() z = Constant<value_ints=[1,2]>() "
    "z8 = Cast<to=3>(z) c = DequantizeLinear<axis=1>(i8, s, z8)",
    "Reshape": "a = Constant<value_ints=[0,-1,2]>() c = Reshape(w, a)",
    "Flatten": "c = Flatten<axis=2>(w)",
    "Squeeze": "a = Unsqueeze(w, one) c = Squeeze(a)",
    "Unsqueeze": "a = Constant<value_ints=[0,-1]>() c = Unsqueeze(w, a)",
    "Expand": "a = Constant<value_ints=[2,1,4]>() u = ReduceMax<keepdims=1>(v, one) c = Expand(u, a)",
    "Tile": "a = Constant<value_ints=[2,3]>() c = Tile(v, a)",
    "Concat": "a = Unsqueeze(v, zero) c = Concat<axis=0>(w, a)",
    "Slice": "s = Constant<value_ints=[-1,0]>() e = Constant<value_ints=[-9,9]>() t = Constant<value_ints=[-2,2]>() "
    "a = Constant<value_ints=[2,1]>() c = Slice(w, s, e, a, t)",
    "Split": "a, c = Split<axis=2, num_outputs=2>(w)",
    "Gather": "c = Gather<axis=1>(w, i)",
    "GatherElements": "c = GatherElements<axis=1>(v, i)",
    "GatherND": "a = Constant<value_ints=[1,2]>() b = Unsqueeze(a, zero) c = GatherND(w, b)",
    "ScatterND": "a = Constant<value_ints=[1]>() b = Unsqueeze(a, zero) u = Unsqueeze(v, zero) c = ScatterND(w, b, u)",
    "ScatterElements": "e = Gather<axis=0>(v, d1) c = ScatterElements<axis=1>(e, i, e2)",
    "Pad": "a = Constant<value_ints=[0,1,-1,1,0,2]>() f = Constant<value_float=3.0>() c = Pad(w, a, f)",
    "ConstantOfShape": "a = Shape(w) c = ConstantOfShape(a)",
    "Range": "a = Constant<value_int=9>() b = Constant<value_int=1>() s = Constant<value_int=-3>() c = Range(a, b, s)",
    "OneHot": "a = Constant<value_int=4>() b = Constant<value_floats=[0.5,2.0]>() c = OneHot<axis=1>(i, a, b)",
    "EyeLike": "c = EyeLike<k=1>(v)",
    "Trilu": "c = Trilu<upper=0>(w)",
    "CumSum": "a = Constant<value_int=2>() c = CumSum(w, a)",
    "Constant": "c = Constant<value_floats=[1.5,-2.0]>()",
    "a sequence": "q = SequenceConstruct(w, w) n1 = SequenceLength(q) c = ConcatFromSequence<axis=1, new_axis=1>(q)",
}
"""By the operator: how ``c`` is worked out from constants."""
