#!/usr/bin/env python3
"""Writes Tests/Fixtures/quantization*.json: quantized arrays of the PyPI package mlx.

    python3 -m venv /tmp/fixtures && /tmp/fixtures/bin/pip install "mlx[cpu]==0.32.4" numpy
    /tmp/fixtures/bin/python scripts/fixtures_quantization.py

quantization.json: for every mode, number of bits, group and type an array, its codes, scales and
biases, and the elements that they stand for. quantization_products.json: products with such arrays,
and in the affine mode gradients. quantization_fp8.json: floats and their bytes.
"""

import json
import pathlib

import mlx.core as mx
import numpy as np

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "Tests" / "Fixtures"
numbers = np.random.default_rng(20250218)
TYPES = [mx.float32, mx.float16, mx.bfloat16]
FORMATS = [("affine", group, bits) for bits in (2, 3, 4, 5, 6, 8) for group in (32, 64, 128)]
FLOATS = [("mxfp4", 32, 4), ("mxfp8", 32, 8), ("nvfp4", 16, 4)]


def packed(array):
    name = str(array.dtype).removeprefix("mlx.core.")
    raw = array.view(mx.uint16) if name == "bfloat16" else array
    return {"dtype": name, "shape": list(array.shape), "bits": np.array(raw).tobytes().hex()}


def normal(shape, dtype, scale=1.0):
    return mx.array(numbers.normal(0, scale, shape).astype(np.float32)).astype(dtype)


def weights(rows, columns, dtype):
    """Rows of several sizes; one of zeros, one of one sign, one of halves between codes."""
    found = np.array(normal((rows, columns), mx.float32))
    found *= (10.0 ** numbers.uniform(-2, 1, (rows, 1))).astype(np.float32)
    found[0] = 0
    found[1] = np.abs(found[1]) + 1
    found[2] = np.tile(np.array([6, 0.25, -0.75, 1.25, -1.75, 2.5, -3.5, 5], np.float32), columns // 8)
    return mx.array(found).astype(dtype)


def write(name, cases):
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    (FOLDER / f"{name}.json").write_text("[\n" + lines + "\n]\n")


def quantize(w, mode, group, bits, **more):
    parts = mx.quantize(w, group_size=group, bits=bits, mode=mode, **more)
    return list(parts) + [None] * (3 - len(parts))


def formats():
    for mode, group, bits in FORMATS + FLOATS:
        for dtype in TYPES:
            w = weights(4, max(group, 64), dtype)
            for scale in [None, 3.0] if mode == "nvfp4" and dtype == mx.float32 else [None]:
                more = {} if scale is None else {"global_scale": mx.array(scale)}
                q, scales, biases = quantize(w, mode, group, bits, **more)
                # MLX rounds code · scale of half types before it adds the bias: rounded once here.
                wide = [
                    a if a is None or a.dtype == mx.uint8 else a.astype(mx.float32)
                    for a in (scales, biases)
                ]
                elements = mx.dequantize(
                    q, *wide, group, bits, mode, dtype=mx.float32, **more).astype(dtype)
                case = {
                    "mode": mode, "group": group, "bits": bits, "w": packed(w),
                    "words": packed(q), "scales": packed(scales), "elements": packed(elements),
                }
                if biases is not None:
                    case["biases"] = packed(biases)
                if scale is not None:
                    case["global"] = scale
                yield case


def product(x, w, mode, group, bits, transpose, left=None, right=None):
    q, scales, biases = quantize(w, mode, group, bits)
    case = {
        "mode": mode, "group": group, "bits": bits, "transpose": transpose, "x": packed(x),
        "words": packed(q), "scales": packed(scales),
    }
    more = dict(transpose=transpose, group_size=group, bits=bits, mode=mode)
    if right is None:
        function = lambda x, s, b: mx.quantized_matmul(x, q, s, b, **more)
    else:
        case["left"], case["right"] = packed(left), packed(right)
        function = lambda x, s, b: mx.gather_qmm(
            x, q, s, b, lhs_indices=left, rhs_indices=right, **more)
    # MLX sums half types as such and loses digits: summed as float32 and rounded once.
    wide = [None if a is None or a.dtype == mx.uint8 else a.astype(mx.float32) for a in (scales, biases)]
    exact = function(x.astype(mx.float32), wide[0] if biases is not None else scales, wide[1])
    case["output"] = packed(exact.astype(x.dtype))
    if biases is not None:
        case["biases"] = packed(biases)
        inputs = [x, scales, biases]
    else:
        inputs = [x]
        inner = function
        function = lambda x: inner(x, scales, None)
    if right is not None and not transpose and biases is not None:
        # MLX cannot take this gradient by scales and biases.
        inputs, all_of = [x], function
        function = lambda x: all_of(x, scales, biases)
    if x.dtype == mx.float32:
        cotangent = normal(function(*inputs).shape, mx.float32)
        case["cotangent"] = packed(cotangent)
        gradients = mx.vjp(lambda *a: [function(*a)], inputs, [cotangent])[1]
        case["gradients"] = [packed(g) for g in gradients]
    return case


def products():
    for mode, group, bits in [f for f in FORMATS if f[1] != 128 or f[2] in (4, 8)] + FLOATS:
        for transpose in (True, False):
            columns = max(group, 64)
            x = normal((3, columns if transpose else 5), mx.float32)
            yield product(x, normal((5, columns), mx.float32), mode, group, bits, transpose)
    for mode, group, bits in [("affine", 64, 4), ("affine", 32, 6)] + FLOATS:
        for dtype in TYPES[1:]:
            x = normal((2, 128), dtype)
            yield product(x, normal((3, 128), dtype), mode, group, bits, True)
    # More rows than are multiplied as they lie, and a row that is no whole number of steps.
    yield product(normal((11, 96), mx.float32), normal((3, 96), mx.float32), "affine", 32, 4, True)
    yield product(normal((96,), mx.float16), normal((3, 96), mx.float16), "affine", 32, 8, True)
    yield product(
        normal((2, 1, 2, 32), mx.float32), normal((3, 4, 32), mx.float32), "affine", 32, 4, True)
    left, right = mx.array([[0], [1]]), mx.array([2, 0, 2])
    for mode, group, bits in [("affine", 32, 4), ("affine", 32, 3)] + FLOATS:
        for transpose in (True, False):
            x = normal((2, 2, 32 if transpose else 3), mx.float32)
            w = normal((3, 3, 32), mx.float32)
            yield product(x, w, mode, group, bits, transpose, left, right)


def fp8():
    for dtype in TYPES:
        values = np.concatenate([
            numbers.normal(0, 1, 60) * 10.0 ** numbers.uniform(-4, 3.5, 60),
            [448, 449, 464, 465, 480, 1e9, -448, -1e9, 2**-9, 2**-10, 2**-6, 0.0, -0.0, 17, 19, 25],
        ])
        x = mx.array(values.astype(np.float32)).astype(dtype)
        yield {"x": packed(x), "bytes": packed(mx.to_fp8(x))}


write("quantization", formats())
write("quantization_products", products())
write("quantization_fp8", fp8())
