#!/usr/bin/env python3
"""Writes Tests/Fixtures/sampling.json: draws of odd shapes, types and parameters by key.

Made as scripts/fixtures.py tells. A draw is named as the row of SamplingTests.swift that makes it.
"""

import json

import mlx.core as mx

from fixtures import FOLDER, VERSION, dtype_of, packed

SEEDS = (0, 3, 0xFEDCBA9876543210)
TYPES = ("float32", "float16", "bfloat16")


def draws(key):
    random = mx.random
    rows = mx.array([[0.1, 0.9], [0.5, 0.3]])
    logits = mx.array([[0.5, -1.0, 2.0, 0.0], [1.0, 1.0, -3.0, 0.25]])
    mean = mx.array([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]])
    root = mx.array([[1.0, 0.0, 0.0], [0.5, 2.0, 0.0], [-0.25, 0.75, 0.5]])
    covariance = root @ root.T
    for dtype in TYPES:
        kind = dtype_of(dtype)
        low = mx.array([[-1.0], [2.0], [0.0]], dtype=kind)
        high = mx.array([1.0, 5.0, 3.5], dtype=kind)
        yield f"uniform(arrays) {dtype}", random.uniform(low, high, [3, 3], kind, key=key)
        yield f"uniform(odd) {dtype}", random.uniform(-2, 3, [3, 1, 7], dtype=kind, key=key)
        yield f"uniform(empty) {dtype}", random.uniform(shape=[2, 0], dtype=kind, key=key)
        yield f"normal(odd) {dtype}", random.normal([3, 5, 1], dtype=kind, key=key)
        yield f"gumbel(odd) {dtype}", random.gumbel([5, 3], dtype=kind, key=key)
        yield f"laplace(odd) {dtype}", random.laplace([7], dtype=kind, loc=-1, scale=0.5, key=key)
        yield f"truncatedNormal(arrays) {dtype}", random.truncated_normal(
            mx.array([-1.0, 0.0], dtype=kind), mx.array([0.5, 2.0], dtype=kind), [3, 2], kind,
            key=key)
    for dtype in ("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"):
        yield f"randInt {dtype}", random.randint(0, 2 if dtype == "bool" else 100, [11],
                                                 dtype=dtype_of(dtype), key=key)
    yield "randInt(arrays)", random.randint(
        mx.array([[0], [10]]), mx.array([3, 30, 50]), [2, 3], mx.int32, key=key)
    yield "bernoulli(array)", random.bernoulli(rows, key=key)
    yield "bernoulli(broadcast)", random.bernoulli(rows, [3, 2, 2], key=key)
    yield "split(7)", random.split(key, 7)
    yield "permutation(array)", random.permutation(mx.arange(12).reshape(3, 4), axis=1, key=key)
    yield "permutation(1)", random.permutation(1, key=key)
    yield "categorical(count)", random.categorical(logits, num_samples=5, key=key)
    yield "categorical(axis 0)", random.categorical(logits, 0, key=key)
    yield "categorical(shape)", random.categorical(logits, shape=[3, 2], key=key)
    yield "categorical(half)", random.categorical(logits.astype(mx.float16), shape=[3, 2], key=key)
    yield "multivariateNormal", random.multivariate_normal(mean[0], covariance, [5], key=key)
    yield "multivariateNormal(one)", random.multivariate_normal(mean[0], covariance, key=key)
    yield "multivariateNormal(batches)", random.multivariate_normal(
        mean, mx.broadcast_to(covariance, (3, 1, 3, 3)), [3, 2], key=key)


if __name__ == "__main__":
    assert mx.__version__ == VERSION, f"mlx {VERSION} is needed, this is {mx.__version__}"
    mx.set_default_device(mx.cpu)
    found = [
        {"operation": name, "seed": str(seed), "output": packed(values)}
        for seed in SEEDS for name, values in draws(mx.random.key(seed))
    ]
    lines = ",\n".join(json.dumps(item, separators=(",", ":")) for item in found)
    (FOLDER / "sampling.json").write_text(f"[\n{lines}\n]\n")
