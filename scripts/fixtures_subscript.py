#!/usr/bin/env python3
"""Writes Tests/Fixtures/subscript.json: random subscripts with what numpy gives for them.

An array holds the numbers from 0 on. A case has its shape, the indices of a subscript, the elements
that it picks, and one update of them: by which operation, the values, and the array afterwards.
"""

import json
import pathlib

import numpy as np

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "Tests" / "Fixtures"
COUNT = 600
numbers = np.random.default_rng(11)


def chance(share):
    return numbers.random() < share


def bound(size):
    return None if chance(0.35) else int(numbers.integers(-size - 2, size + 3))


def index(size, shape):
    """One index of an axis, as JSON and as numpy takes it; arrays have a shape that broadcasts."""
    kind = numbers.choice(["integer", "range", "array"], p=[0.25, 0.4, 0.35])
    if kind == "integer":
        value = int(numbers.integers(-size, size))
        return {"integer": value}, value
    if kind == "range":
        step = int(numbers.choice([1, 1, 1, 2, 3, -1, -1, -2]))
        limits = [bound(size), bound(size)]
        return {"range": limits + [step]}, slice(limits[0], limits[1], step)
    own = [1 if chance(0.25) else n for n in shape[int(numbers.integers(0, len(shape) + 1)):]]
    values = numbers.integers(-size, size, own)
    return {"shape": own, "array": values.flatten().tolist()}, values


def subscript(shape):
    """Indices of a subscript for an array of a shape."""
    shared = [int(n) for n in numbers.integers(1, 4, int(numbers.integers(0, 3)))]
    described, taken, axis = [], [], 0
    has_ellipsis = False
    used = int(numbers.integers(1, len(shape) + 1))
    while axis < used:
        if chance(0.15):
            described.append({"newAxis": True})
            taken.append(None)
        if chance(0.12) and not has_ellipsis:
            # The ellipsis stands for the axes that the others leave.
            has_ellipsis = True
            described.append({"ellipsis": True})
            taken.append(Ellipsis)
            axis += len(shape) - used
            used = len(shape)
            continue
        if chance(0.06) and axis + 2 <= used:
            mask = numbers.random(shape[axis:axis + 2]) < 0.4
            # The elements of a mask broadcast with other arrays only if there are none.
            if any(isinstance(item, (np.ndarray, int)) for item in taken):
                continue
            described.append({"shape": list(mask.shape), "mask": mask.flatten().tolist()})
            taken.append(mask)
            axis += 2
            shared = []
            continue
        one, other = index(shape[axis], shared)
        described.append(one)
        taken.append(other)
        axis += 1
    return described, tuple(taken)


def update(operation, array, taken, values):
    result = array.copy()
    if operation == "set":
        result[taken] = values
    else:
        join = {"add": np.add, "multiply": np.multiply, "minimum": np.minimum,
                "maximum": np.maximum}[operation]
        join.at(result, taken, values)
    return result


def case(place):
    shape = [int(n) for n in numbers.integers(1, 5, int(numbers.integers(1, 5)))]
    array = np.arange(np.prod(shape), dtype=np.int64).reshape(shape)
    described, taken = subscript(shape)
    try:
        picked = array[taken]
    except IndexError:
        return None
    if picked.size > 60:
        return None
    operation = ["set", "add", "multiply", "minimum", "maximum"][place % 5]
    suffix = list(picked.shape)[int(numbers.integers(0, picked.ndim + 1)):]
    values = numbers.integers(0, 9, [1 if chance(0.2) else n for n in suffix])
    changed = update(operation, array, taken, values)
    return {
        "shape": shape, "indices": described,
        "picked": {"shape": list(picked.shape), "array": picked.flatten().tolist()},
        "operation": operation,
        "values": {"shape": list(values.shape), "array": values.flatten().tolist()},
        "changed": changed.flatten().tolist(),
    }


if __name__ == "__main__":
    cases = []
    while len(cases) < COUNT:
        made = case(len(cases))
        if made is not None:
            cases.append(made)
    lines = ",\n".join(json.dumps(item, separators=(",", ":")) for item in cases)
    (FOLDER / "subscript.json").write_text(f"[\n{lines}\n]\n")
