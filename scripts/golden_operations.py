"""The calls of scripts/fixtures_golden.py: one row an operation, by families."""

from typing import NamedTuple

import mlx.core as mx


class Operation(NamedTuple):
    name: str
    function: object
    inputs: list  # (domain, shape) of each input
    gradient: bool = True
    dtypes: list | None = None  # all where None; a tuple names one for each input


BLOCK = [("any", (2, 3, 2))]
MATRIX = [("any", (3, 4))]
ROW = [("any", (5,))]
PAIR = [("any", (2, 1, 3)), ("positive", (2, 1))]
REALS = ["float16", "bfloat16", "float32", "float64"]
FLOATS = REALS + ["complex64"]
MIXED = [
    ("int32", "float16"), ("bool", "int8"), ("uint8", "int8"), ("uint64", "int32"),
    ("float16", "bfloat16"), ("complex64", "float32"), ("int64", "float64"), ("uint32", "int64"),
]


def unary():
    table = [
        ("abs", mx.abs, "any"), ("acos", mx.arccos, "unit"), ("acosh", mx.arccosh, "above"),
        ("asin", mx.arcsin, "unit"), ("asinh", mx.arcsinh, "any"), ("atan", mx.arctan, "any"),
        ("atanh", mx.arctanh, "unit"), ("ceil", mx.ceil, "any"), ("conjugate", mx.conjugate, "any"),
        ("cos", mx.cos, "any"), ("cosh", mx.cosh, "any"), ("degrees", mx.degrees, "any"),
        ("erf", mx.erf, "any"), ("erfInverse", mx.erfinv, "unit"), ("exp", mx.exp, "any"),
        ("expm1", mx.expm1, "any"), ("floor", mx.floor, "any"), ("isFinite", mx.isfinite, "any"),
        ("isInf", mx.isinf, "any"), ("isNaN", mx.isnan, "any"), ("isNegInf", mx.isneginf, "any"),
        ("isPosInf", mx.isposinf, "any"), ("log", mx.log, "positive"),
        ("log10", mx.log10, "positive"), ("log1p", mx.log1p, "positive"),
        ("log2", mx.log2, "positive"), ("logicalNot", mx.logical_not, "any"),
        ("negative", mx.negative, "any"), ("radians", mx.radians, "any"),
        ("reciprocal", mx.reciprocal, "positive"), ("round", mx.round, "any"),
        ("round(decimals: 1)", lambda x: mx.round(x, 1), "any"),
        ("round(decimals: -1)", lambda x: mx.round(x, -1), "any"),
        ("rsqrt", mx.rsqrt, "positive"), ("sigmoid", mx.sigmoid, "any"), ("sign", mx.sign, "any"),
        ("sin", mx.sin, "any"), ("sinh", mx.sinh, "any"), ("sqrt", mx.sqrt, "positive"),
        ("square", mx.square, "any"), ("tan", mx.tan, "unit"), ("tanh", mx.tanh, "any"),
        ("bitwiseInvert", mx.bitwise_invert, "any"), ("stopGradient", mx.stop_gradient, "any"),
        ("nanToNum", lambda x: mx.nan_to_num(x, nan=0, posinf=0, neginf=0), "any"),
        ("realPart", mx.real, "any"), ("imaginaryPart", mx.imag, "any"),
    ]
    for name, function, domain in table:
        yield Operation(name, function, [(domain, (2, 4))])
        yield Operation(name, function, [(domain, ())], dtypes=["float32", "int32"])
        if domain != "any":
            yield Operation(name, function, [("any", (2, 4))], dtypes=["complex64"])
        yield Operation(name, function, [(domain, (0, 3))], dtypes=["float32", "int32"])


def binary():
    table = [
        ("add", mx.add), ("subtract", mx.subtract), ("multiply", mx.multiply),
        ("divide", mx.divide), ("floorDivide", mx.floor_divide), ("remainder", mx.remainder),
        ("divmod", mx.divmod), ("maximum", mx.maximum), ("minimum", mx.minimum),
        ("atan2", mx.arctan2), ("logAddExp", mx.logaddexp), ("bitwiseAnd", mx.bitwise_and),
        ("bitwiseOr", mx.bitwise_or), ("bitwiseXOr", mx.bitwise_xor), ("equal", mx.equal),
        ("notEqual", mx.not_equal), ("less", mx.less), ("lessEqual", mx.less_equal),
        ("greater", mx.greater), ("greaterEqual", mx.greater_equal),
        ("logicalAnd", mx.logical_and), ("logicalOr", mx.logical_or), ("isClose", mx.isclose),
        ("leftShift", mx.left_shift), ("rightShift", mx.right_shift), ("pow", mx.power),
    ]
    for name, function in table:
        inputs = PAIR
        if name.endswith("Shift"):
            inputs = [("positive", (2, 1, 3)), ("shift", (2, 1))]
        if name == "pow":
            inputs = [("positive", (2, 1, 3)), ("positive", (2, 1))]
        gradient = name not in ("floorDivide", "divmod")
        yield Operation(name, function, inputs, gradient)
        yield Operation(name, function, inputs, gradient, dtypes=MIXED)
        scalars = [(domain, ()) for domain, _ in inputs]
        empty = [(domain, (0,)) for domain, _ in inputs]
        yield Operation(name, function, scalars, gradient, dtypes=["float32", "int16"])
        yield Operation(name, function, empty, gradient, dtypes=["float32"])
    yield Operation("clip(min: -1, max: 2)", lambda x: mx.clip(x, -1, 2), MATRIX,
                    dtypes=["int8", "int16", "int32", "int64"] + REALS)
    yield Operation("clip(min: 1)", lambda x: mx.clip(x, 1, None), MATRIX)
    yield Operation("clip(max: 2)", lambda x: mx.clip(x, None, 2), MATRIX)
    yield Operation("which", mx.where, [("truths", (2, 1))] + PAIR)
    yield Operation("which", mx.where, [("truths", (2,)), ("any", (2,)), ("any", ())],
                    dtypes=[("bool",) + pair for pair in MIXED])
    yield Operation("allClose", mx.allclose, MATRIX + MATRIX)
    yield Operation("arrayEqual", mx.array_equal, MATRIX + MATRIX)


def reduction():
    table = [
        ("sum", mx.sum), ("product", mx.prod), ("mean", mx.mean), ("max", mx.max),
        ("min", mx.min), ("variance", mx.var), ("std", mx.std), ("all", mx.all), ("any", mx.any),
        ("logSumExp", mx.logsumexp), ("median", mx.median),
    ]
    for name, function in table:
        def along(axis, keepdims=False, function=function):
            return lambda x: function(x, axis=axis, keepdims=keepdims)

        yield Operation(f"{name}(axis: 1)", along(1), BLOCK)
        yield Operation(f"{name}(axis: -1, keepDims: true)", along(-1, True), BLOCK,
                        dtypes=["int32", "float32"])
        yield Operation(f"{name}(axes: [0, -1])", along((0, -1)), BLOCK,
                        dtypes=["bool", "uint8", "int32", "float32", "float16", "float64"])
        yield Operation(f"{name}()", along(None), BLOCK, dtypes=["int16", "float32", "bfloat16"])
        yield Operation(f"{name}()", along(None), [("any", ())], dtypes=["int32", "float32"])
    for name, function in (("sum", mx.sum), ("product", mx.prod), ("all", mx.all), ("any", mx.any)):
        yield Operation(f"{name}(axis: 1)", lambda x, f=function: f(x, axis=1), [("any", (2, 0, 3))])
        yield Operation(f"{name}(axis: 1)", lambda x, f=function: f(x, axis=1), [("any", (0, 2, 3))],
                        dtypes=["float32"])
    for name, function in (("variance", mx.var), ("std", mx.std)):
        yield Operation(f"{name}(axis: 1, ddof: 1)", lambda x, f=function: f(x, axis=1, ddof=1),
                        BLOCK, dtypes=["int32"] + REALS)
    for name, function in (("argMax", mx.argmax), ("argMin", mx.argmin)):
        yield Operation(f"{name}(axis: 1)", lambda x, f=function: f(x, axis=1), BLOCK)
        yield Operation(f"{name}(axis: -1, keepDims: true)",
                        lambda x, f=function: f(x, axis=-1, keepdims=True), BLOCK)
        yield Operation(f"{name}()", lambda x, f=function: f(x), BLOCK,
                        dtypes=["bool", "uint64", "float32"])
    yield Operation("softmax(axis: 1)", lambda x: mx.softmax(x, axis=1), BLOCK)
    yield Operation("softmax(axes: [0, -1])", lambda x: mx.softmax(x, axis=(0, -1)), BLOCK)
    yield Operation("softmax()", mx.softmax, BLOCK, dtypes=FLOATS)
    yield Operation("softmax(axis: -1, precise: true)",
                    lambda x: mx.softmax(x, axis=-1, precise=True), BLOCK)
    yield Operation("softmax(axis: 0)", lambda x: mx.softmax(x, axis=0), [("any", (2, 0))],
                    dtypes=["float32"])


def scan():
    table = [
        ("cumsum", mx.cumsum), ("cumprod", mx.cumprod), ("cummax", mx.cummax),
        ("cummin", mx.cummin), ("logCumsumExp", mx.logcumsumexp),
    ]
    for name, function in table:
        for axis, reverse, inclusive in ((1, False, True), (0, True, True), (-1, False, False),
                                         (1, True, False)):
            # mlx's exclusive extrema start with values of their own and have wrong gradients.
            gradient = inclusive or name in ("cumsum",)
            yield Operation(
                f"{name}(axis: {axis}, reverse: {reverse}, inclusive: {inclusive})".lower()
                .replace(name.lower(), name),
                lambda x, f=function, a=axis, r=reverse, i=inclusive: f(
                    x, axis=a, reverse=r, inclusive=i),
                [("positive", (2, 3, 2))], gradient,
                dtypes=None if axis == 1 and inclusive else ["uint8", "int32"] + FLOATS)
        yield Operation(f"{name}()", lambda x, f=function: f(x), [("positive", (2, 3))],
                        dtypes=["bool", "int64", "float32"])
    yield Operation("sorted(axis: 1)", lambda x: mx.sort(x, axis=1), BLOCK)
    yield Operation("sorted(axis: 0)", lambda x: mx.sort(x, axis=0), MATRIX,
                    dtypes=["uint8", "float32"])
    yield Operation("sorted()", lambda x: mx.sort(x, axis=None), BLOCK, dtypes=["int32", "float32"])
    yield Operation("argSort(axis: 1)", lambda x: mx.argsort(x, axis=1), BLOCK)
    yield Operation("argSort()", lambda x: mx.argsort(x, axis=None), ROW,
                    dtypes=["int8", "float32"])
    yield Operation("partitioned(kth: 2, axis: 0)",
                    lambda x: mx.partition(x, 2, axis=0)[2:3], [("any", (5, 2))])
    yield Operation("argPartition(kth: 2, axis: 0)", lambda x: mx.take_along_axis(
        x, mx.argpartition(x, 2, axis=0), axis=0)[2:3], [("any", (5, 2))], False)
    yield Operation("top(k: 2, axis: 0)", lambda x: mx.sort(mx.topk(x, 2, axis=0), axis=0),
                    [("any", (5, 2))])


def shape():
    rows = [
        ("reshaped", lambda x: mx.reshape(x, (4, -1)), BLOCK),
        ("flattened", lambda x: mx.flatten(x, 1, 2), BLOCK),
        ("flatten", lambda x: mx.flatten(x, -2, -1), BLOCK),
        ("unflatten", lambda x: mx.unflatten(x, 1, (2, -1)), MATRIX),
        ("transposed", lambda x: mx.transpose(x, (1, 2, 0)), BLOCK),
        ("T", lambda x: mx.transpose(x), BLOCK),
        ("swappedAxes", lambda x: mx.swapaxes(x, 0, -1), BLOCK),
        ("movedAxis", lambda x: mx.moveaxis(x, 0, -1), BLOCK),
        ("expandedDimensions", lambda x: mx.expand_dims(x, (0, -1)), MATRIX),
        ("squeezed", lambda x: mx.squeeze(x, (1,)), [("any", (2, 1, 3))]),
        ("broadcast", lambda x: mx.broadcast_to(x, (2, 2, 3)), [("any", (2, 1, 3))]),
        ("concatenated", lambda a, b: mx.concatenate([a, b], axis=-1), MATRIX + [("any", (3, 1))]),
        ("stacked", lambda a, b: mx.stack([a, b], axis=1), ROW + ROW),
        ("split(parts:)", lambda x: mx.split(x, 2, axis=1), MATRIX),
        ("split(indices:)", lambda x: mx.split(x, [1, 3], axis=-1), MATRIX),
        ("padded", lambda x: mx.pad(x, ((1, 0), (0, 2))), MATRIX),
        ("padded(mode: .edge)", lambda x: mx.pad(x, ((1, 0), (0, 2)), mode="edge"), MATRIX),
        ("tiled", lambda x: mx.tile(x, (2, 1, 2)), [("any", (2, 2))]),
        ("repeated", lambda x: mx.repeat(x, 2, axis=1), MATRIX),
        ("roll", lambda x: mx.roll(x, 2, axis=(0, 1)), MATRIX),
        ("roll(shift: -3)", lambda x: mx.roll(x, -3), MATRIX),
        ("tril", lambda x: mx.tril(x, 1), MATRIX),
        ("triu", lambda x: mx.triu(x, -1), MATRIX),
        ("diag", lambda x: mx.diag(x, 1), [("any", (3,))]),
        ("diag(of a matrix)", lambda x: mx.diag(x, -1), MATRIX),
        ("diagonal", lambda x: mx.diagonal(x, 1, 0, 2), BLOCK),
        ("trace", lambda x: mx.trace(x, 0, 0, 1), MATRIX),
        ("meshGrid", lambda a, b: mx.meshgrid(a, b), ROW + [("any", (2,))]),
        ("meshGrid(indexing: .ij)", lambda a, b: mx.meshgrid(a, b, sparse=True, indexing="ij"),
         ROW + [("any", (2,))]),
        ("asStrided", lambda x: mx.as_strided(x, (3, 2), (2, 1), 3), MATRIX),
        ("contiguous", lambda x: mx.contiguous(x.T), MATRIX),
        ("atLeast1D", mx.atleast_1d, [("any", ())]),
        ("atLeast2D", mx.atleast_2d, [("any", (3,))]),
        ("atLeast3D", mx.atleast_3d, [("any", (2, 3))]),
        ("depends", lambda a, b: mx.depends(a, b), ROW + ROW),
        ("take(axis: 1)", lambda x, i: mx.take(x, i, axis=1), MATRIX + [("fourth", (2, 2))]),
        ("take", lambda x, i: mx.take(x, i), MATRIX + [("fourth", (3,))]),
        ("takeAlong(axis: 0)", lambda x, i: mx.take_along_axis(x, i, axis=0),
         MATRIX + [("third", (2, 4))]),
        ("putAlong(axis: 0)", lambda x, i, v: mx.put_along_axis(x, mx.abs(i[:1]), v[:1], axis=0),
         MATRIX + [("third", (2, 4)), ("any", (2, 4))]),
        ("slice", lambda x: x[::-2, 1:3], MATRIX),
        ("at.add", lambda x, i, v: x.at[i].add(v), MATRIX + [("third", (5,)), ("any", (5, 4))]),
        ("at.multiply", lambda x, i, v: x.at[i].multiply(v),
         MATRIX + [("third", (2,)), ("positive", (2, 4))]),
        ("at.minimum", lambda x, i, v: x.at[i].minimum(v),
         MATRIX + [("third", (2,)), ("any", (2, 4))]),
        ("at.maximum", lambda x, i, v: x.at[i].maximum(v),
         MATRIX + [("third", (2,)), ("any", (2, 4))]),
    ]
    for name, function, inputs in rows:
        yield Operation(name, function, inputs, name not in ("at.minimum", "at.maximum"))
    for source in ("bool", "uint8", "int8", "int32", "int64", "float16", "bfloat16", "float32",
                   "float64", "complex64", "uint16", "uint32", "uint64", "int16"):
        for target in ("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32",
                       "int64", "float16", "bfloat16", "float32", "float64", "complex64"):
            dtype = mx.bool_ if target == "bool" else getattr(mx, target)
            unsigned = target.startswith("u") and source in FLOATS
            inputs = [("positive" if unsigned else "any", (6,))]
            yield Operation(f"asType({target})", lambda x, t=dtype: x.astype(t), inputs, False,
                            dtypes=[source])


def creation():
    every = [
        ("zeros", lambda x: mx.zeros((2, 3), x.dtype)), ("ones", lambda x: mx.ones((2, 3), x.dtype)),
        ("full", lambda x: mx.full((2, 3), x, x.dtype)),
        ("eye", lambda x: mx.eye(3, 4, 1, dtype=x.dtype)),
        ("identity", lambda x: mx.identity(3, dtype=x.dtype)),
        ("tri", lambda x: mx.tri(3, 4, -1, dtype=x.dtype)),
        ("arange", lambda x: mx.arange(1, 8, 2, dtype=x.dtype)),
        ("zeros(like:)", mx.zeros_like), ("ones(like:)", mx.ones_like),
    ]
    for name, function in every:
        yield Operation(name, function, [("any", ())], False)
    yield Operation("linspace", lambda x: mx.linspace(-1, 2, 7), [("any", ())], False, ["float32"])
    for name, function in (("bartlett", mx.bartlett), ("blackman", mx.blackman),
                           ("hamming", mx.hamming), ("hanning", mx.hanning)):
        yield Operation(name, lambda x, f=function: f(7), [("any", ())], False, ["float32"])
        yield Operation(f"{name}(1)", lambda x, f=function: f(1), [("any", ())], False, ["float32"])


def contraction():
    a, b = ("any", (3, 4)), ("any", (4, 2))
    rows = [
        ("matmul", mx.matmul, [a, b]),
        ("matmul(batches)", mx.matmul, [("any", (2, 1, 2, 3)), ("any", (2, 3, 2))]),
        ("matmul(vectors)", mx.matmul, [("any", (4,)), ("any", (4,))]),
        ("matmul(vector)", mx.matmul, [("any", (4,)), b]),
        ("matmul(empty)", mx.matmul, [("any", (2, 0)), ("any", (0, 3))]),
        ("addMM", lambda c, x, y: mx.addmm(c, x, y, alpha=0.5, beta=2.0), [("any", (2,)), a, b]),
        ("inner", mx.inner, [("any", (2, 3)), ("any", (4, 3))]),
        ("outer", mx.outer, [("any", (3,)), ("any", (2,))]),
        ("tensordot", lambda x, y: mx.tensordot(x, y, 1), [a, b]),
        ("tensordot(axes:)", lambda x, y: mx.tensordot(x, y, [[0, 2], [1, 0]]),
         [("any", (2, 3, 2)), ("any", (2, 2, 3))]),
        ("einsum", lambda x, y: mx.einsum("bij,kj->bki", x, y), [("any", (2, 3, 2)), ("any", (2, 2))]),
        ("einsum(diagonal)", lambda x: mx.einsum("ii->i", x), [("any", (3, 3))]),
        ("kron", mx.kron, [("any", (2, 2)), ("any", (1, 3))]),
        ("convolve(mode: .same)", lambda x, y: mx.convolve(x, y, "same"), ROW + [("any", (3,))]),
        ("convolve", lambda x, y: mx.convolve(x, y), ROW + [("any", (2,))]),
        ("conv1d", lambda x, w: mx.conv1d(x, w, 2, 1, 1, 1), [("any", (1, 5, 2)), ("any", (2, 3, 2))]),
        ("conv2d", lambda x, w: mx.conv2d(x, w, (1, 2), (1, 0), (1, 2), 2),
         [("any", (1, 3, 5, 2)), ("any", (2, 2, 2, 1))]),
        ("conv3d", lambda x, w: mx.conv3d(x, w, 1, 1), [("any", (1, 2, 2, 3, 1)), ("any", (1, 2, 2, 2, 1))]),
        ("convGeneral", lambda x, w: mx.conv_general(
            x, w, 1, ([1, 1], [2, 2]), [1, 2], [2, 1], 1, True),
         [("any", (1, 2, 3, 1)), ("any", (2, 2, 2, 1))]),
        ("convTransposed1d", lambda x, w: mx.conv_transpose1d(x, w, 2, 1, 1, 1),
         [("any", (1, 3, 2)), ("any", (2, 3, 2))]),
        ("convTransposed2d", lambda x, w: mx.conv_transpose2d(x, w, 2, 0, 1, 1),
         [("any", (1, 2, 2, 1)), ("any", (2, 2, 2, 1))]),
        ("convTransposed3d", lambda x, w: mx.conv_transpose3d(x, w, 1, 0, 1, 0),
         [("any", (1, 2, 2, 1, 1)), ("any", (1, 2, 1, 2, 1))]),
        ("gatherMM", lambda x, y, i, j: mx.gather_mm(x, y, (i + 3) % 3, (j + 3) % 3),
         [("any", (3, 2, 2)), ("any", (3, 2, 2)), ("third", (4,)), ("third", (4,))]),
        ("segmentedMM", lambda x, y, s: mx.segmented_mm(x, y, mx.sort(s, axis=1)),
         [("any", (2, 5)), ("any", (5, 3)), ("segment", (3, 2))]),
        ("hadamardTransform", mx.hadamard_transform, [("any", (2, 8))]),
        ("hadamardTransform(scale:)", lambda x: mx.hadamard_transform(x, 0.5), [("any", (12,))]),
    ]
    for name, function, inputs in rows:
        yield Operation(name, function, inputs)
    mixed = [("int32", "float16"), ("float16", "bfloat16"), ("float32", "bfloat16"),
             ("complex64", "float32")]
    yield Operation("matmul", mx.matmul, [a, b], dtypes=mixed)
    yield Operation("tensordot", lambda x, y: mx.tensordot(x, y, 1), [a, b], dtypes=mixed)
    yield Operation("blockMaskedMM", lambda x, y, m: mx.block_masked_mm(x, y, 32, m),
                    [("even", (2, 33)), ("even", (33, 34)), ("truths", (1, 2))], dtypes=["float32"])


def special():
    square = [("any", (2, 3, 3))]

    def steep(x):
        return x * 0.25 + mx.eye(3, dtype=x.dtype) * 3

    def symmetric(x):
        return mx.matmul(steep(x), mx.swapaxes(steep(x), -1, -2))

    lin = mx.linalg
    rows = [
        ("inv", lambda x: lin.inv(steep(x)), square, True),
        ("triInv", lambda x: lin.tri_inv(mx.tril(steep(x))), square, False),
        ("pinv", lambda x: lin.pinv(steep(x)), square, False),
        ("cholesky", lambda x: lin.cholesky(symmetric(x)), square, False),
        ("choleskyInv", lambda x: lin.cholesky_inv(mx.tril(steep(x))), square, False),
        ("solve", lambda x, y: lin.solve(steep(x), y), square + [("any", (2, 3, 2))], False),
        ("solveTriangular", lambda x, y: lin.solve_triangular(mx.tril(steep(x)), y),
         square + [("any", (2, 3, 2))], False),
        ("qr", lambda x: mx.matmul(*lin.qr(steep(x))), square, False),
        ("svd", lambda x: lin.svd(steep(x), compute_uv=False), square, False),
        ("lu", lambda x: list(lin.lu(steep(x))), square, False),
        ("lu_factor", lambda x: list(lin.lu_factor(steep(x))), square, False),
        ("eigvalsh", lambda x: lin.eigvalsh(symmetric(x)), square, False),
        ("eigh", lambda x: lin.eigh(symmetric(x))[0], square, False),
        ("eigvals", lambda x: mx.sum(lin.eigvals(steep(x)), axis=-1), square, False),
        ("eig", lambda x: mx.sum(lin.eig(steep(x))[0], axis=-1), square, False),
        ("cross", lin.cross, [("any", (2, 3)), ("any", (2, 3))], True),
        ("norm", lin.norm, MATRIX, True),
        ("norm(ord: 1, axis: 1)", lambda x: lin.norm(x, 1, axis=1), MATRIX, True),
        ("norm(ord: 3, axis: 0)", lambda x: lin.norm(x, 3, axis=0, keepdims=True), MATRIX, True),
        ("norm(ord: inf)", lambda x: lin.norm(x, float("inf"), axis=[0, 1]), MATRIX, False),
        ("norm(ord: .fro)", lambda x: lin.norm(x, "fro", axis=[0, 1]), MATRIX, True),
        ("norm(ord: .nuc)", lambda x: lin.norm(x, "nuc", axis=[0, 1]), MATRIX, False),
    ]
    for name, function, inputs, gradient in rows:
        yield Operation(name, function, inputs, gradient)
    f = mx.fft
    rows = [
        ("fft", f.fft, MATRIX), ("ifft", lambda x: f.ifft(x, n=5, axis=0), MATRIX),
        ("fft2", f.fft2, MATRIX), ("ifft2", lambda x: f.ifft2(x, s=[2, 3]), MATRIX),
        ("fftn", f.fftn, BLOCK), ("ifftn", lambda x: f.ifftn(x, axes=[0, 1]), BLOCK),
        ("rfft", lambda x: f.rfft(x, n=6), ROW), ("irfft", f.irfft, ROW),
        ("rfft2", f.rfft2, MATRIX), ("irfft2", f.irfft2, MATRIX), ("rfftn", f.rfftn, BLOCK),
        ("irfftn", lambda x: f.irfftn(x, axes=[0, 1]), BLOCK),
        ("fftshift", f.fftshift, MATRIX), ("ifftshift", lambda x: f.ifftshift(x, axes=[1]), MATRIX),
    ]
    for name, function, inputs in rows:
        yield Operation(name, function, inputs)
    fast = mx.fast
    q, k = ("any", (1, 2, 2, 4)), ("any", (1, 1, 3, 4))
    rows = [
        ("rmsNorm", lambda x, w: fast.rms_norm(x, w, 1e-5), MATRIX + [("any", (4,))]),
        ("layerNorm", lambda x, w, b: fast.layer_norm(x, w, b, 1e-5),
         MATRIX + [("any", (4,)), ("any", (4,))]),
        ("RoPE", lambda x: fast.rope(x, 4, traditional=False, base=100.0, scale=0.5, offset=2), [q]),
        ("RoPE(traditional: true)", lambda x: fast.rope(
            x, 2, traditional=True, base=100.0, scale=1.0, offset=0), [q]),
        ("scaledDotProductAttention", lambda q, k, v: fast.scaled_dot_product_attention(
            q, k, v, scale=0.5), [q, k, k]),
        ("scaledDotProductAttention(causal)", lambda q, k, v: fast.scaled_dot_product_attention(
            q, k, v, scale=0.5, mask="causal"), [q, k, k]),
    ]
    for name, function, inputs in rows:
        yield Operation(name, function, inputs, dtypes=REALS)


FAMILIES = {
    "unary": unary(), "binary": binary(), "reduction": reduction(), "scan": scan(),
    "shape": shape(), "creation": creation(), "contraction": contraction(), "special": special(),
}
