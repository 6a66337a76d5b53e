#!/usr/bin/env python3
"""Writes Tests/Fixtures: what the PyPI package mlx computes, for the tests to compare with.

    python3 -m venv /tmp/fixtures && /tmp/fixtures/bin/pip install "mlx[cpu]==0.32.4" numpy
    /tmp/fixtures/bin/python scripts/fixtures.py

One file a family. A file is a list of cases: operation, parameters, inputs, outputs and, where the
operation has a gradient, a cotangent and the gradients by the inputs. An array is its dtype, its
shape and its little-endian bytes in hexadecimal.
"""

import json
import pathlib

import mlx.core as mx
import numpy as np

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "Tests" / "Fixtures"
VERSION = "0.32.4"
DTYPES = [
    "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64",
    "float16", "float32", "bfloat16", "complex64", "float64",
]
INF, NAN = float("inf"), float("nan")

numbers = np.random.default_rng(20240607)


def dtype_of(name):
    return mx.bool_ if name == "bool" else getattr(mx, name)


def packed(array):
    """An array as JSON."""
    name = str(array.dtype).removeprefix("mlx.core.")
    name = "bool" if name == "bool_" else name
    bits = array.view(mx.uint16) if name == "bfloat16" else array
    content = np.ascontiguousarray(np.array(bits))
    return {"dtype": name, "shape": list(array.shape), "bits": content.tobytes().hex()}


def case(operation, function, inputs, gradient=True, **parameters):
    """One call, with its gradients for a random cotangent."""
    output = function(*inputs)
    result = {
        "operation": operation,
        "inputs": [packed(x) for x in inputs],
        "output": packed(output),
    } | parameters
    if gradient:
        cotangent = mx.array(numbers.uniform(-1, 1, output.shape), dtype=output.dtype)
        _, gradients = mx.vjp(lambda *x: [function(*x)], list(inputs), [cotangent])
        result["cotangent"] = packed(cotangent)
        result["gradients"] = [packed(g) for g in gradients]
    return result


def floats(low, high, count, special=()):
    values = list(special) + list(numbers.uniform(low, high, count))
    return mx.array(np.array(values, dtype=np.float32))


def write(family, content):
    lines = ",\n".join(json.dumps(item, separators=(",", ":")) for item in content)
    (FOLDER / f"{family}.json").write_text(f"[\n{lines}\n]\n")


def promotion():
    def result(a, b):
        total = mx.zeros(1, dtype=dtype_of(a)) + mx.zeros(1, dtype=dtype_of(b))
        name = str(total.dtype).removeprefix("mlx.core.")
        return "bool" if name == "bool_" else name

    return [{"dtype": a, "with": {b: result(a, b) for b in DTYPES}} for a in DTYPES]


def arithmetic():
    zeros = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, INF, -INF, NAN]
    unary = [
        ("negative", mx.negative), ("abs", mx.abs), ("sign", mx.sign), ("square", mx.square),
        ("reciprocal", mx.reciprocal), ("floor", mx.floor), ("ceil", mx.ceil), ("round", mx.round),
    ]
    for name, function in unary:
        yield case(name, function, [floats(-4, 4, 24, zeros)])
    left = [0.0, 1.0, -1.0, INF, NAN, 2.0, 3.0, -3.0, 7.0]
    right = [1.0, 0.0, INF, 2.0, 1.0, 2.0, -3.0, 2.0, -2.0]
    binary = [
        ("add", mx.add), ("subtract", mx.subtract), ("multiply", mx.multiply),
        ("divide", mx.divide), ("maximum", mx.maximum), ("minimum", mx.minimum),
        ("remainder", mx.remainder), ("floorDivide", mx.floor_divide),
        ("atan2", mx.arctan2), ("logAddExp", mx.logaddexp),
    ]
    for name, function in binary:
        gradient = name not in ("floorDivide",)
        yield case(name, function, [floats(-4, 4, 24, left), floats(-4, 4, 24, right)], gradient)
    yield case("pow", mx.power, [floats(0.1, 4, 24, [2.0, 1.0]), floats(-2, 3, 24, [0.0, 1.0])])
    yield case("pow", mx.power, [floats(0, 1, 0, left), floats(0, 1, 0, right)], False)


def integers():
    """Integer operations; every second operand is neither zero nor a large shift."""
    binary = [
        ("add", mx.add), ("subtract", mx.subtract), ("multiply", mx.multiply),
        ("divide", mx.divide), ("floorDivide", mx.floor_divide), ("remainder", mx.remainder),
        ("maximum", mx.maximum), ("minimum", mx.minimum), ("bitwiseAnd", mx.bitwise_and),
        ("bitwiseOr", mx.bitwise_or), ("bitwiseXOr", mx.bitwise_xor),
        ("leftShift", mx.left_shift), ("rightShift", mx.right_shift), ("pow", mx.power),
    ]
    for dtype in ("uint8", "int8", "int32", "int64"):
        low = 0 if dtype.startswith("u") else -9
        a = mx.array(numbers.integers(low, 90, 12), dtype=dtype_of(dtype))
        b = mx.array(numbers.integers(1, 6, 12), dtype=dtype_of(dtype))
        for name, function in binary:
            yield case(name, function, [a, b], False)
        for name, function in [("bitwiseInvert", mx.bitwise_invert), ("negative", mx.negative),
                               ("abs", mx.abs), ("sign", mx.sign), ("square", mx.square)]:
            yield case(name, function, [a], False)


def comparison():
    left = [0.0, -0.0, 1.0, INF, -INF, NAN, NAN, 1.0]
    right = [-0.0, 1.0, 1.0, INF, INF, NAN, 1.0, NAN]
    binary = [
        ("equal", mx.equal), ("notEqual", mx.not_equal), ("less", mx.less),
        ("lessEqual", mx.less_equal), ("greater", mx.greater),
        ("greaterEqual", mx.greater_equal), ("logicalAnd", mx.logical_and),
        ("logicalOr", mx.logical_or),
    ]
    for name, function in binary:
        yield case(name, function, [floats(-1, 1, 8, left), floats(-1, 1, 8, right)], False)
    unary = [
        ("logicalNot", mx.logical_not), ("isNaN", mx.isnan), ("isInf", mx.isinf),
        ("isFinite", mx.isfinite),
    ]
    for name, function in unary:
        yield case(name, function, [floats(-1, 1, 4, left)], False)


def exponential():
    """Unary functions over their domain, its edges and beyond them."""
    edge = [0.0, -0.0, INF, -INF, NAN]
    table = [
        ("exp", mx.exp, -20, 20, edge + [88.0, -87.0, 100.0, -110.0]),
        ("expm1", mx.expm1, -5, 5, edge + [1e-6, 88.0, -30.0]),
        ("log", mx.log, 0.01, 50, edge + [1e-30, 1e30, 1.0, -1.0]),
        ("log1p", mx.log1p, -0.9, 50, edge + [1e-6, 1e30, -2.0]),
        ("log2", mx.log2, 0.01, 50, edge + [8.0, 1.0]),
        ("log10", mx.log10, 0.01, 50, edge + [1000.0, 1.0]),
        ("sqrt", mx.sqrt, 0.01, 50, [INF, NAN, 4.0, -1.0]),
        ("rsqrt", mx.rsqrt, 0.01, 50, [NAN, 4.0, -1.0]),
        ("sin", mx.sin, -20, 20, [0.0, -0.0, NAN, 100.0]),
        ("cos", mx.cos, -20, 20, [0.0, -0.0, NAN, 100.0]),
        ("tan", mx.tan, -1.4, 1.4, [0.0, NAN]),
        ("sinh", mx.sinh, -8, 8, edge),
        ("cosh", mx.cosh, -8, 8, edge),
        ("tanh", mx.tanh, -4, 4, edge + [20.0, -20.0, 1e-4]),
        ("asin", mx.arcsin, -0.95, 0.95, [0.0, 2.0, NAN]),
        ("acos", mx.arccos, -0.95, 0.95, [0.0, 2.0, NAN]),
        ("atan", mx.arctan, -9, 9, edge),
        ("asinh", mx.arcsinh, -9, 9, edge),
        ("acosh", mx.arccosh, 1.1, 9, [0.5, NAN]),
        ("atanh", mx.arctanh, -0.95, 0.95, [0.0, 2.0, NAN]),
        ("sigmoid", mx.sigmoid, -9, 9, edge + [100.0, -80.0]),
        ("erf", mx.erf, -3, 3, edge + [1e-4, 6.0]),
        ("erfInverse", mx.erfinv, -0.98, 0.98, [0.0, 1.0, -1.0, NAN]),
    ]
    for name, function, low, high, special in table:
        yield case(name, function, [floats(low, high, 24, special)])
    a = mx.array(numbers.uniform(-2, 2, (8, 2)), dtype=mx.float32).view(mx.complex64).reshape(8)
    b = mx.array(numbers.uniform(-2, 2, (8, 2)), dtype=mx.float32).view(mx.complex64).reshape(8)
    unary = [
        ("exp", mx.exp), ("log", mx.log), ("sin", mx.sin), ("cos", mx.cos), ("tanh", mx.tanh),
        ("sqrt", mx.sqrt), ("abs", mx.abs), ("square", mx.square), ("negative", mx.negative),
        ("reciprocal", mx.reciprocal),
    ]
    for name, function in unary:
        yield case(name, function, [a], False)
    binary = [
        ("add", mx.add), ("subtract", mx.subtract), ("multiply", mx.multiply),
        ("divide", mx.divide), ("pow", mx.power), ("equal", mx.equal),
    ]
    for name, function in binary:
        yield case(name, function, [a, b], False)


def reduction():
    x = mx.array(numbers.uniform(-2, 2, (2, 3, 3)), dtype=mx.float32)
    ties = mx.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    holes = mx.array([[1.0, NAN, 3.0], [INF, 2.0, -INF]])
    zeros = mx.array([[0.0, 2.0, 3.0], [0.0, 0.0, 5.0], [1.0, 2.0, 4.0]])
    operations = [
        ("sum", mx.sum), ("product", mx.prod), ("mean", mx.mean), ("max", mx.max),
        ("min", mx.min), ("variance", mx.var), ("std", mx.std),
    ]
    for name, function in operations:
        for axes in ([0], [2], [0, 2], [0, 1, 2]):
            yield case(name, lambda v: function(v, axis=axes), [x], axes=axes)
        yield case(name, lambda v: function(v, axis=[1]), [ties], name != "std", axes=[1])
        yield case(name, lambda v: function(v, axis=[1]), [holes], False, axes=[1])
    yield case("product", lambda v: mx.prod(v, axis=[1]), [zeros], axes=[1])
    for name, function in [("argMax", mx.argmax), ("argMin", mx.argmin)]:
        for axis, array in ((0, x), (2, x), (1, ties), (1, holes)):
            yield case(name, lambda v: function(v, axis=axis), [array], False, axes=[axis])
    for name, function in [("sum", mx.sum), ("product", mx.prod), ("mean", mx.mean),
                           ("max", mx.max), ("min", mx.min), ("all", mx.all), ("any", mx.any)]:
        for dtype in DTYPES:
            if dtype == "complex64" and name not in ("sum", "product"):
                continue
            values = mx.array(numbers.integers(0, 5, (2, 4))).astype(dtype_of(dtype))
            yield case(name, lambda v: function(v, axis=[1]), [values], False, axes=[1])


def softmax():
    x = mx.array(numbers.uniform(-3, 3, (3, 2, 5)), dtype=mx.float32)
    large = mx.array([[1000.0, 999.0, -1000.0], [-INF, 0.0, 1.0], [88.0, 89.0, 90.0]])
    for name, function in [("softmax", mx.softmax), ("logSumExp", mx.logsumexp)]:
        for axes in ([2], [0], [0, 2], [0, 1, 2]):
            yield case(name, lambda v: function(v, axis=axes), [x], axes=axes)
        yield case(name, lambda v: function(v, axis=[1]), [large], axes=[1])


def window():
    table = [
        ((1, 4, 5, 2), (3, 2, 2, 2), 1, 0, 1, 1),
        ((2, 6, 5, 2), (2, 3, 3, 2), (2, 1), 1, 1, 1),
        ((1, 7, 7, 1), (2, 3, 2, 1), 1, (2, 1), (2, 3), 1),
        ((1, 5, 5, 4), (6, 3, 3, 2), 2, 1, 1, 2),
        ((1, 4, 4, 3), (3, 2, 2, 1), 1, 0, 1, 3),
    ]

    def pair(value):
        return list(value) if isinstance(value, tuple) else [value, value]

    for shape, kernel, stride, padding, dilation, groups in table:
        x = mx.array(numbers.uniform(-1, 1, shape), dtype=mx.float32)
        w = mx.array(numbers.uniform(-1, 1, kernel), dtype=mx.float32)

        def convolve(x, w):
            return mx.conv2d(x, w, pair(stride), pair(padding), pair(dilation), groups)

        yield case("conv2d", convolve, [x, w], stride=pair(stride), padding=pair(padding),
                   dilation=pair(dilation), groups=groups)


def random():
    """Draws by key: the operation's parameters stand beside the values."""
    def draw(operation, seed, values, **parameters):
        return {"operation": operation, "seed": str(seed), "output": packed(values)} | parameters

    for seed in (0, 1, 42, 0x123456789ABCDEF):
        key = mx.random.key(seed)
        yield draw("key", seed, key)
        for count in (1, 2, 3, 5, 8):
            yield draw("split", seed, mx.random.split(key, count))
        for shape in ([], [1], [2], [3], [5], [33], [3, 5]):
            yield draw("uniform", seed, mx.random.uniform(shape=shape, key=key), low=0, high=1)
        for dtype in ("float32", "float16", "bfloat16"):
            for low, high in ((0, 1), (-3.25, 7.5)):
                values = mx.random.uniform(low, high, [35], dtype=dtype_of(dtype), key=key)
                yield draw("uniform", seed, values, low=low, high=high)
            values = mx.random.normal([35], dtype=dtype_of(dtype), key=key)
            yield draw("normal", seed, values, low=0, high=1)
            values = mx.random.normal([17], dtype=dtype_of(dtype), loc=0.5, scale=3, key=key)
            yield draw("normal", seed, values, low=0.5, high=3)
        for low, high in ((-5, 5), (0, 10), (3, 4)):
            values = mx.random.randint(low, high, [33], key=key)
            yield draw("randInt", seed, values, low=low, high=high)
        for p, shape in ((0.5, []), (0.25, [33]), (0.75, [4, 3])):
            yield draw("bernoulli", seed, mx.random.bernoulli(p, shape, key=key), low=p, high=1)


if __name__ == "__main__":
    assert mx.__version__ == VERSION, f"mlx {VERSION} is needed, this is {mx.__version__}"
    mx.set_default_device(mx.cpu)
    FOLDER.mkdir(exist_ok=True)
    for family in (promotion, arithmetic, integers, comparison, exponential, reduction, softmax,
                   window, random):
        write(family.__name__, list(family()))
