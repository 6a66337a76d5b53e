#!/usr/bin/env python3
"""Writes Tests/Fixtures/golden_*.json: every operation in every type that the PyPI package mlx has.

Made as scripts/fixtures.py tells. A file holds the inputs by name and a list of calls. A call's
name is the key of the function in Tests/MLXTests/GoldenOperations*.swift. Gradients are those of
the cotangent that `cotangent` makes, for each output and input of a floating type.

A half type is compared with what mlx gives for it, unless that is further from mlx's float32 than
the type's tolerance: then with the float32 result, rounded, and the call says `"widened": true`.
"""

import json
import zlib

import mlx.core as mx
import numpy as np

from fixtures import DTYPES, FOLDER, VERSION, dtype_of, packed
from golden_operations import FAMILIES

FLOATS = ("float16", "bfloat16", "float32", "float64", "complex64")
HALVES = {"float16": (1e-3, 2e-3), "bfloat16": (8e-3, 1e-2)}
RANGES = {
    "any": (-3, 3, -9, 9), "positive": (0.3, 4, 1, 9), "unit": (-0.9, 0.9, 0, 1),
    "above": (1.2, 4, 2, 9), "truths": (0, 1, 0, 1), "shift": (0, 6, 0, 6),
    "third": (-3, 2, -3, 2), "fourth": (-4, 3, -4, 3), "segment": (0, 4, 0, 4),
    "even": (-3, 3, -4, 4),
}
FIXED = {"truths": "bool", "third": "int32", "fourth": "int32", "segment": "uint32"}


def name_of(dtype):
    name = str(dtype).removeprefix("mlx.core.")
    return "bool" if name == "bool_" else name


def values(domain, dtype, shape, salt):
    """Repeatable numbers of a domain in a type."""
    seed = zlib.crc32(f"{domain} {shape} {salt}".encode())
    numbers = np.random.default_rng(seed)
    low, high, first, last = RANGES[domain]
    if dtype == "bool":
        return mx.array(numbers.integers(0, 2, shape).astype(bool))
    if dtype in FLOATS:
        drawn = mx.array(numbers.uniform(low, high, shape), dtype=mx.float64)
        if domain == "even":
            drawn = mx.round(drawn * 2) / 2
        if dtype == "complex64":
            imaginary = mx.array(numbers.uniform(low, high, shape), dtype=mx.float32)
            return drawn.astype(mx.complex64) + imaginary * mx.array(1j)
        return drawn.astype(dtype_of(dtype))
    drawn = numbers.integers(first, last + 1, shape)
    return mx.array(np.abs(drawn) if dtype.startswith("u") else drawn).astype(dtype_of(dtype))


def cotangent(output):
    """The cotangent of an output: the test makes the same."""
    place = mx.arange(output.size)
    real = ((place * 7) % 11 - 5).astype(mx.float32) / 4
    if output.dtype == mx.complex64:
        real = real + ((place * 3) % 5 - 2).astype(mx.float32) / 4 * mx.array(1j)
    return real.astype(output.dtype).reshape(output.shape)


def results(function, inputs, has_gradient):
    """The outputs, and the gradients by the inputs of floating types (None by the others)."""
    def listed(*arrays):
        outputs = function(*arrays)
        return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]

    outputs = listed(*inputs)
    mx.eval(outputs)
    places = [i for i, x in enumerate(inputs) if name_of(x.dtype) in FLOATS]
    if not (has_gradient and places and all(name_of(y.dtype) in FLOATS for y in outputs)):
        return outputs, None

    def partly(*chosen):
        arrays = list(inputs)
        for place, array in zip(places, chosen):
            arrays[place] = array
        return listed(*arrays)

    try:
        _, found = mx.vjp(partly, [inputs[i] for i in places], [cotangent(y) for y in outputs])
        mx.eval(found)
    except (RuntimeError, ValueError, NotImplementedError):
        return outputs, None
    gradients = [None] * len(inputs)
    for place, gradient in zip(places, found):
        gradients[place] = gradient
    return outputs, gradients


def is_close(a, b, tolerance):
    a, b = (np.array(x.astype(mx.float64)) for x in (a, b))
    both = np.isnan(a) & np.isnan(b) | (a == b)
    with np.errstate(invalid="ignore"):
        return bool(np.all(both | (abs(a - b) <= tolerance[0] + tolerance[1] * abs(b))))


def settled(function, inputs, has_gradient):
    """What to compare with, and whether it was computed in a wider type."""
    outputs, gradients = results(function, inputs, has_gradient)
    halves = {name_of(x.dtype) for x in inputs} & set(HALVES)
    if not halves:
        return outputs, gradients, False
    wide = [x.astype(mx.float32) if name_of(x.dtype) in HALVES else x for x in inputs]
    outputs32, gradients32 = results(function, wide, has_gradient)
    widened = False

    def better(narrow, wide):
        nonlocal widened
        if narrow is None or name_of(narrow.dtype) not in HALVES:
            return narrow
        if is_close(narrow, wide, HALVES[name_of(narrow.dtype)]):
            return narrow
        widened = True
        return wide.astype(narrow.dtype)

    outputs = [better(a, b) for a, b in zip(outputs, outputs32)]
    if gradients is not None and gradients32 is not None:
        gradients = [better(a, b) for a, b in zip(gradients, gradients32)]
    return outputs, gradients, widened


def calls(operation, arrays):
    """The calls of one operation in all types; its inputs are put among the arrays."""
    for dtype in operation.dtypes or DTYPES:
        chosen, names = [], []
        for place, (domain, shape) in enumerate(operation.inputs):
            own = FIXED.get(domain) or (dtype if isinstance(dtype, str) else dtype[place])
            name = f"{domain} {own} {list(shape)} {place}"
            chosen.append(values(domain, own, shape, place))
            names.append(name)
        call = {"operation": operation.name, "inputs": names}
        try:
            outputs, gradients, widened = settled(operation.function, chosen, operation.gradient)
        except (RuntimeError, ValueError, NotImplementedError) as error:
            call["refused"] = str(error).split("\n")[0][:60]
            arrays.update({n: packed(x) for n, x in zip(names, chosen)})
            yield call
            continue
        call["outputs"] = [packed(y) for y in outputs]
        if gradients is not None:
            call["gradients"] = [None if g is None else packed(g) for g in gradients]
        if widened:
            call["widened"] = True
        arrays.update({n: packed(x) for n, x in zip(names, chosen)})
        yield call


def write(family, operations):
    def line(item):
        return json.dumps(item, separators=(",", ":"))

    arrays, found = {}, []
    for operation in operations:
        found += list(calls(operation, arrays))
    inputs = ",\n".join(f"{json.dumps(name)}:{line(array)}" for name, array in arrays.items())
    rows = ",\n".join(line(call) for call in found)
    text = f'{{"arrays":{{\n{inputs}\n}},"calls":[\n{rows}\n]}}\n'
    (FOLDER / f"golden_{family}.json").write_text(text)
    refused = sum("refused" in call for call in found)
    widened = sum("widened" in call for call in found)
    print(f"{family}: {len(text) // 1000} kB, {len(found)} calls, {refused} refused, {widened} widened")


if __name__ == "__main__":
    assert mx.__version__ == VERSION, f"mlx {VERSION} is needed, this is {mx.__version__}"
    mx.set_default_device(mx.cpu)
    for family, operations in FAMILIES.items():
        write(family, operations)
