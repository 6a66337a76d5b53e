#!/usr/bin/env python3
"""Writes Tests/Fixtures/fast.json: what mlx.core.fast of the PyPI package mlx computes.

    /tmp/fixtures/bin/python scripts/fixtures_fast.py

The environment is that of scripts/fixtures.py, and so is the form of the cases.
"""

import mlx.core as mx

import fixtures
from fixtures import case, numbers, write


def normal(*shape, dtype=mx.float32):
    return mx.array(numbers.normal(0, 1, shape)).astype(dtype)


def normalization():
    for shape, dtype in (((2, 2, 5), mx.float32), ((2, 33), mx.float32), ((2, 8), mx.float16),
                         ((2, 8), mx.bfloat16)):
        x, w, b = normal(*shape, dtype=dtype), normal(shape[-1], dtype=dtype), normal(
            shape[-1], dtype=dtype)
        exact = dtype == mx.float32
        yield case("rmsNorm", lambda x, w: mx.fast.rms_norm(x, w, 1e-5), [x, w], exact, eps=1e-5)
        yield case("layerNorm", lambda x, w, b: mx.fast.layer_norm(x, w, b, 1e-3), [x, w, b],
                   exact, eps=1e-3)
        yield case("layerNorm", lambda x, w: mx.fast.layer_norm(x, w, None, 1e-5), [x, w],
                   exact, eps=1e-5)
        yield case("layerNorm", lambda x: mx.fast.layer_norm(x, None, None, 1e-5), [x],
                   exact, eps=1e-5)


def rope():
    table = [
        ((1, 1, 3, 8), 8, 10000.0, 1.0, 0), ((2, 1, 3, 10), 6, 100.0, 0.5, 5),
        ((2, 4, 8), 8, 10000.0, 1.0, [3]), ((3, 1, 2, 4), 4, 10000.0, 1.0, [0, 7, 2]),
    ]
    for traditional in (False, True):
        for shape, dimensions, base, scale, offset in table:
            start = mx.array(offset) if isinstance(offset, list) else offset

            def turned(x):
                return mx.fast.rope(x, dimensions, traditional=traditional, base=base,
                                    scale=scale, offset=start)

            yield case("rope", turned, [normal(*shape)], dimensions=dimensions, base=base,
                       traditional=traditional, scale=scale,
                       offset=offset if isinstance(offset, list) else [offset])
        freqs = mx.array([1.0, 5.0, 40.0, 300.0])
        yield case("rope", lambda x: mx.fast.rope(
            x, 8, traditional=traditional, base=None, scale=1.0, offset=11, freqs=freqs),
            [normal(1, 1, 3, 8)], dimensions=8, traditional=traditional, scale=1.0, offset=[11],
            freqs=[1.0, 5.0, 40.0, 300.0])


def attention():
    def visible(*shape):
        kept = numbers.uniform(0, 1, shape) < 0.6
        kept[..., 0] = True
        return mx.array(kept)

    small = ((1, 1, 3, 4), (1, 1, 5, 4))
    shared = ((2, 4, 2, 3), (2, 2, 5, 3))
    table = [
        (small, None, None, mx.float32), (small, "causal", None, mx.float32),
        (shared, "causal", None, mx.float32), (shared, None, normal(4), mx.float32),
        (small, visible(3, 5), None, mx.float32), (shared, visible(2, 1, 2, 5), None, mx.float32),
        (shared, normal(4, 2, 5), normal(4), mx.float32), (small, normal(5), None, mx.float32),
        (((1, 2, 5, 3), (1, 1, 3, 3)), "causal", None, mx.float32),
        (shared, "causal", None, mx.float16), (shared, None, None, mx.bfloat16),
    ]
    for (q, k), mask, sinks, dtype in table:
        inputs = [normal(*q, dtype=dtype), normal(*k, dtype=dtype), normal(*k, dtype=dtype)]
        isArray = isinstance(mask, mx.array)
        if isArray:
            inputs.append(mask)
        if sinks is not None:
            inputs.append(sinks)

        def attend(*inputs):
            return mx.fast.scaled_dot_product_attention(
                *inputs[:3], scale=0.5, mask=inputs[3] if isArray else mask,
                sinks=inputs[-1] if sinks is not None else None)

        exact = dtype == mx.float32 and not (isArray and mask.dtype == mx.bool_)
        yield case("attention", attend, inputs, exact, scale=0.5,
                   mask="array" if isArray else mask or "none", sinks=sinks is not None)


if __name__ == "__main__":
    assert mx.__version__ == fixtures.VERSION, f"mlx {fixtures.VERSION} is needed"
    mx.set_default_device(mx.cpu)
    write("fast", [*normalization(), *rope(), *attention()])
