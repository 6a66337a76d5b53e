#!/usr/bin/env python3
"""Writes Tests/Fixtures/scatter.json: what the PyPI package mlx makes of assignments and updates.

    python3 -m venv /tmp/fixtures && /tmp/fixtures/bin/pip install "mlx[cpu]==0.32.4" numpy
    /tmp/fixtures/bin/python scripts/fixtures_scatter.py

A case is the name of an index expression (the test holds the same expressions in Swift), the
update's shape, and for each way to update the result's values. The array is 0, 1, 2, … of shape
[4, 3, 5]; the update is 0.5, 1, 1.5, … up to 3, and from 0.5 again. Duplicate indices
are left out of `set`, whose order mlx does not promise.
"""

import json
import pathlib

import mlx.core as mx

FILE = pathlib.Path(__file__).resolve().parent.parent / "Tests" / "Fixtures" / "scatter.json"
I, J = mx.array([2, 0, -1]), mx.array([1, 0, 2])
M = mx.array([[1, 0], [-1, 2]])
D = mx.array([3, 1, 3, 3])
N = None

# name, index, shapes of updates
CASES = [
    ("integer", 1, [[], [5], [3, 5], [1, 3, 5]]),
    ("negative integer", -1, [[3, 1]]),
    ("range", slice(1, 3), [[], [2, 3, 5], [3, 5]]),
    ("steps", slice(None, None, -2), [[2, 1, 5]]),
    ("empty range", slice(2, 2), [[3, 5]]),
    ("ellipsis", ..., [[5]]),
    ("ellipsis, integer", (..., 2), [[4, 3], [3]]),
    ("new axis", (N, 2), [[5], [1, 3, 5]]),
    ("integer, new axis, range", (1, N, slice(0, 2)), [[1, 2, 5], [2, 5]]),
    ("ranges", (slice(1, 3), slice(0, 2), slice(4, 0, -2)), [[2, 2, 2], [2]]),
    ("indices", I, [[], [3, 3, 5], [5]]),
    ("matrix", M, [[2, 2, 3, 5], [3, 5]]),
    ("inner indices", (slice(None), J), [[4, 3, 5], [3, 1]]),
    ("last indices", (..., D[:2]), [[4, 3, 2], [2]]),
    ("two indices", (I, J), [[3, 5], []]),
    ("broadcast indices", (M, J[:2]), [[2, 2, 5], [2, 1, 5]]),
    ("indices apart", (I, slice(None), J), [[3, 3], [3]]),
    # An integer apart from indices is left out: mlx reads and assigns it in different orders.
    ("range, indices", (slice(1, 3), J), [[2, 3, 5], [5]]),
    ("indices, range", (I, slice(0, 2)), [[3, 2, 5]]),
    ("indices, new axis, indices", (I, N, J), [[3, 1, 5]]),
    ("duplicates", D, [[4, 3, 5], [4, 1, 1]]),
    ("inner duplicates", (slice(None), M), [[4, 2, 2, 5]]),
    ("two duplicates", (D, mx.array([1, 1, 1, 0])), [[4, 5]]),
]


def update_of(shape):
    count = 1
    for size in shape:
        count *= size
    return (mx.arange(count) % 6 + 1).astype(mx.float32).reshape(shape) * 0.5


def results(index, update, duplicates):
    def array():
        return mx.arange(60, dtype=mx.float32).reshape(4, 3, 5)

    found = {}
    if not duplicates:
        changed = array()
        changed[index] = update
        found["set"] = changed
    at = array().at[index]
    for name in ["add", "subtract", "multiply", "divide", "minimum", "maximum"]:
        found[name] = getattr(at, name)(update)
    return {name: [float(f"{x:.9g}") for x in a.flatten().tolist()] for name, a in found.items()}


lines = []
for name, index, shapes in CASES:
    for shape in shapes:
        case = {"index": name, "update": shape}
        values = results(index, update_of(shape), "duplicates" in name)
        base = list(range(60))
        # Only the elements that differ, as position and value.
        case["changes"] = {
            way: [[i, x] for i, (x, b) in enumerate(zip(found, base)) if x != b]
            for way, found in values.items()
            if way in ("set", "add", "multiply", "maximum") or len(shape) < 2
        }
        lines.append(json.dumps(case, separators=(",", ":")))
FILE.parent.mkdir(exist_ok=True)
FILE.write_text("[\n" + ",\n".join(lines) + "\n]\n")
