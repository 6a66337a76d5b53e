#!/usr/bin/env python3
"""Writes Tests/Fixtures/nn_*.json: what mlx.nn of the PyPI package mlx computes.

    /tmp/fixtures/bin/python scripts/fixtures_nn.py

The environment is that of scripts/fixtures.py. A case is a layer or a function with its arguments,
parameters and inputs, its outputs, cotangents, and the gradients by inputs and parameters.
"""

from itertools import chain

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten, tree_unflatten

import fixtures
from fixtures import numbers, packed, write

DTYPES = [mx.float32, mx.bfloat16]


def normal(*shape):
    return mx.array(numbers.normal(0, 1, shape), dtype=mx.float32)


def is_float(x):
    return mx.issubdtype(x.dtype, mx.floating)


def cast(x, dtype):
    return x.astype(dtype) if is_float(x) else x


def as_list(result):
    return list(result) if isinstance(result, (tuple, list)) else [result]


def cotangents_of(outputs):
    return [mx.array(numbers.uniform(-1, 1, y.shape)).astype(y.dtype) for y in outputs]


def exact_values(module, values, trainable, inputs, floating, run, primals, cotangents):
    """The same call computed in float32 from the same, rounded numbers: it tells what of a half
    type's result is rounding, in mlx as in another library."""
    module.update(tree_unflatten([(k, v.astype(mx.float32)) for k, v in values.items()]))
    for place in floating:
        inputs[place] = inputs[place].astype(mx.float32)
    wide = [x.astype(mx.float32) for x in primals]
    outputs = run(*wide)
    module.update(tree_unflatten([(k, v.astype(mx.float32)) for k, v in values.items()]))
    gradients = mx.vjp(run, wide, [c.astype(mx.float32) for c in cotangents])[1] if wide else []
    return {"exactOutputs": [packed(y) for y in outputs],
            "exactParameterGradients": {k: packed(g) for k, g in zip(trainable, gradients)},
            "exactInputGradients": [packed(g) for g in gradients[len(trainable):]]}


def layer_case(name, arguments, make, inputs, dtype, training=True, randomise=True):
    module = make()
    module.train(training)
    if randomise:
        module.update(tree_unflatten([
            (k, mx.array(numbers.uniform(0.2 if "var" in k else -0.8, 0.9, v.shape),
                         dtype=mx.float32)) for k, v in tree_flatten(module.parameters())]))
    module.set_dtype(dtype)
    inputs = [cast(x, dtype) for x in inputs]
    parameters = tree_flatten(module.parameters())
    trainable = [k for k, _ in tree_flatten(module.trainable_parameters())]
    floating = [i for i, x in enumerate(inputs) if is_float(x)]
    values = dict(parameters)

    def run(*arrays):
        module.update(tree_unflatten(list(zip(trainable, arrays[:len(trainable)]))))
        given = list(inputs)
        for place, x in zip(floating, arrays[len(trainable):]):
            given[place] = x
        return as_list(module(*given))

    primals = [values[k] for k in trainable] + [inputs[i] for i in floating]
    outputs = run(*primals)
    mx.eval(outputs)
    statistics = {k: packed(v) for k, v in tree_flatten(module.parameters())
                  if k.startswith("running")}
    cotangents = cotangents_of(outputs)
    given = [packed(x) for x in inputs]
    gradients = []
    if primals:
        _, gradients = mx.vjp(run, primals, cotangents)
    exact = {}
    if dtype != mx.float32:
        exact = exact_values(module, values, trainable, inputs, floating, run, primals, cotangents)
    return exact | {
        "layer": name, "arguments": arguments, "training": training,
        "parameters": {k: packed(v) for k, v in parameters},
        "inputs": given,
        "outputs": [packed(y) for y in outputs],
        "cotangents": [packed(c) for c in cotangents],
        "parameterGradients": {k: packed(g) for k, g in zip(trainable, gradients)},
        "inputGradients": [packed(g) for g in gradients[len(trainable):]],
        "statistics": statistics,
    }


def simple_layers():
    yield "Linear", dict(input=[3], output=[4], bias=[1]), lambda: nn.Linear(3, 4), [normal(2, 3)]
    yield ("Linear", dict(input=[3], output=[2], bias=[0]), lambda: nn.Linear(3, 2, bias=False),
           [normal(2, 2, 3)])
    yield ("Bilinear", dict(input=[3, 2], output=[4], bias=[1]), lambda: nn.Bilinear(3, 2, 4),
           [normal(2, 5, 3), normal(2, 5, 2)])
    yield ("Bilinear", dict(input=[3, 2], output=[4], bias=[0]),
           lambda: nn.Bilinear(3, 2, 4, bias=False), [normal(3, 3), normal(3, 2)])
    yield ("Embedding", dict(input=[5], output=[3]), lambda: nn.Embedding(5, 3),
           [mx.array([[0, 3, 1], [3, 4, 3]])])
    yield "PReLU", dict(count=[1]), lambda: nn.PReLU(), [normal(3, 4)]
    yield "PReLU", dict(count=[4]), lambda: nn.PReLU(4), [normal(3, 4)]


def convolutions():
    table = [  # axes, sizes, kernel, stride, padding, dilation, groups, bias
        (1, [9], [3], [1], [0], [1], 1, 1), (1, [9], [2], [2], [1], [2], 2, 0),
        (2, [5, 6], [3, 2], [1, 1], [0, 0], [1, 1], 1, 1),
        (2, [6, 5], [2, 3], [2, 1], [1, 2], [1, 2], 2, 1),
        (3, [3, 4, 3], [2, 2, 2], [1, 1, 1], [0, 0, 0], [1, 1, 1], 1, 1),
        (3, [4, 3, 4], [2, 1, 2], [2, 1, 1], [1, 0, 1], [1, 1, 2], 1, 0),
    ]
    for axes, sizes, kernel, stride, padding, dilation, groups, bias in table:
        def same(values):
            return values[0] if axes == 1 else tuple(values)

        def make():
            known = {} if axes == 3 else {"groups": groups}
            return getattr(nn, f"Conv{axes}d")(
                2, 4, same(kernel), stride=same(stride), padding=same(padding),
                dilation=same(dilation), bias=bool(bias), **known)

        yield (f"Conv{axes}d", dict(input=[2], output=[4], kernel=kernel, stride=stride,
               padding=padding, dilation=dilation, groups=[groups], bias=[bias]), make,
               [normal(2, *sizes, 2)])
    table = [
        (1, [4], [3], [1], [0], [1], [0]), (1, [4], [3], [2], [1], [2], [1]),
        (2, [3, 2], [2, 3], [2, 1], [1, 0], [1, 1], [1, 0]),
        # mlx gives a gradient of another shape than the input's where the output padding of an axis
        # exceeds its padding; scripts/fixtures_torch.py has that case.
        (3, [2, 2, 2], [2, 1, 2], [2, 1, 2], [1, 0, 0], [1, 1, 1], [1, 0, 0]),
    ]
    for axes, sizes, kernel, stride, padding, dilation, extra in table:
        def same(values):
            return values[0] if axes == 1 else tuple(values)

        def make():
            return getattr(nn, f"ConvTranspose{axes}d")(
                2, 3, same(kernel), stride=same(stride), padding=same(padding),
                dilation=same(dilation), output_padding=same(extra))

        yield (f"ConvTransposed{axes}d", dict(input=[2], output=[3], kernel=kernel, stride=stride,
               padding=padding, dilation=dilation, outputPadding=extra, groups=[1], bias=[1]),
               make, [normal(2, *sizes, 2)])


def normalizations():
    for affine in (0, 1):
        yield ("InstanceNorm", dict(count=[3], affine=[affine]),
               lambda: nn.InstanceNorm(3, affine=bool(affine)), [normal(2, 4, 3, 3)])
        yield ("LayerNorm", dict(count=[6], affine=[affine], bias=[1]),
               lambda: nn.LayerNorm(6, affine=bool(affine)), [normal(2, 3, 6)])
        for compatible in (0, 1):
            yield ("GroupNorm", dict(groups=[2], count=[6], affine=[affine], compatible=[compatible]),
                   lambda: nn.GroupNorm(2, 6, affine=bool(affine),
                                        pytorch_compatible=bool(compatible)),
                   [normal(2, 3, 2, 6)])
        for shape in ((5, 4), (3, 2, 4), (2, 3, 2, 4)):
            yield ("BatchNorm", dict(count=[4], affine=[affine], track=[1]),
                   lambda: nn.BatchNorm(4, affine=bool(affine)), [normal(*shape)])
    yield ("LayerNorm", dict(count=[6], affine=[1], bias=[0]), lambda: nn.LayerNorm(6, bias=False),
           [normal(2, 3, 6)])
    yield "RMSNorm", dict(count=[6]), lambda: nn.RMSNorm(6), [normal(2, 3, 6)]
    yield ("BatchNorm", dict(count=[4], affine=[1], track=[0]),
           lambda: nn.BatchNorm(4, track_running_stats=False), [normal(5, 4)])


def pools():
    table = [
        (1, [7], [2], [2], [0]), (1, [7], [3], [1], [1]),
        (2, [5, 6], [2, 2], [2, 2], [0, 0]), (2, [5, 6], [3, 2], [2, 1], [1, 1]),
        (3, [4, 3, 4], [2, 2, 2], [2, 1, 2], [0, 0, 0]),
        (3, [4, 3, 3], [2, 1, 3], [1, 2, 1], [1, 0, 1]),
    ]
    for axes, sizes, kernel, stride, padding in table:
        for kind in ("Max", "Avg"):
            yield (f"{kind}Pool{axes}d", dict(kernel=kernel, stride=stride, padding=padding),
                   lambda: getattr(nn, f"{kind}Pool{axes}d")(
                       tuple(kernel), tuple(stride), tuple(padding)),
                   [normal(2, *sizes, 2)])


def upsamples():
    for shape, scale in (((2, 5, 2), [2.0]), ((2, 5, 2), [1.5]), ((1, 7, 2), [0.5]),
                         ((1, 3, 4, 2), [2.0, 3.0]), ((1, 4, 3, 2), [1.5, 0.75]),
                         ((1, 2, 3, 2, 1), [2.0, 1.5, 1.0])):
        for mode in ("nearest", "linear", "cubic"):
            for align in ((0, 1) if mode != "nearest" else (0,)):
                yield ("Upsample", dict(scale=scale, mode=[["nearest", "linear", "cubic"].index(mode)],
                                        align=[align]),
                       lambda: nn.Upsample(tuple(scale), mode, bool(align)), [normal(*shape)])


def positions():
    for traditional in (0, 1):
        yield ("RoPE", dict(count=[4], traditional=[traditional], base=[100.0], scale=[0.5]),
               lambda: nn.RoPE(4, bool(traditional), 100, 0.5), [normal(2, 2, 3, 6)])
    for cosine, turns, scale in ((0, 0, None), (1, 0, 1.0), (0, 1, 0.5)):
        yield ("SinusoidalPositionalEncoding",
               dict(count=[6], cosine=[cosine], turns=[turns], scale=[scale] if scale else []),
               lambda: nn.SinusoidalPositionalEncoding(
                   6, cos_first=bool(cosine), full_turns=bool(turns), scale=scale),
               [normal(2, 3)])
    for heads in (2, 3, 6):
        yield "ALiBi", dict(offset=[0]), lambda: nn.ALiBi(), [normal(1, heads, 3, 4)]


class Shifted(nn.Module):
    def __call__(self, x, mask):
        return nn.ALiBi()(x, offset=2, mask=mask)


def recurrent():
    for kind in ("RNN", "GRU", "LSTM"):
        states = 2 if kind == "LSTM" else 1
        for bias in (0, 1):
            for shape, given in (((2, 4, 3), 0), ((2, 3, 3), 1), ((3, 3), 0)):
                inputs = [normal(*shape)]
                if given:
                    inputs += [normal(2, 2) for _ in range(states)]
                yield (kind, dict(input=[3], output=[2], bias=[bias]),
                       lambda: getattr(nn, kind)(3, 2, bias=bool(bias)), inputs)


def attention():
    yield ("ALiBi", dict(offset=[2]), lambda: Shifted(), [normal(2, 4, 2, 5), normal(2, 5)])
    yield ("MultiHeadAttention", dict(count=[4], heads=[2], bias=[0]),
           lambda: nn.MultiHeadAttention(4, 2), [normal(2, 3, 4) for _ in range(3)])
    mask = nn.MultiHeadAttention.create_additive_causal_mask(3)
    mask = mx.where(mask < 0, -1e9, 0.0)
    yield ("MultiHeadAttention", dict(count=[4], heads=[2], bias=[1]),
           lambda: nn.MultiHeadAttention(4, 2, bias=True),
           [normal(1, 3, 4) for _ in range(3)] + [mask])
    yield ("MultiHeadAttention", dict(count=[4], heads=[2], bias=[1], sizes=[3, 5, 2, 6, 3]),
           lambda: nn.MultiHeadAttention(4, 2, 3, 5, 2, 6, 3, bias=True),
           [normal(2, 3, 3), normal(2, 4, 5), normal(2, 4, 2)])
    for first in (0, 1):
        square, wide = normal(3, 3), normal(2, 3)
        yield ("TransformerEncoder", dict(layers=[2], count=[4], heads=[2], mlp=[6], first=[first]),
               lambda: nn.layers.transformer.TransformerEncoder(
                   2, 4, 2, 6, norm_first=bool(first)), [normal(1, 3, 4), square])
        yield ("Transformer", dict(layers=[1, 1], count=[4], heads=[2], mlp=[5], first=[first]),
               lambda: nn.Transformer(4, 2, 1, 1, 5, norm_first=bool(first)),
               [normal(1, 3, 4), normal(1, 2, 4), square, normal(2, 2), wide])
    yield ("Transformer", dict(layers=[1, 1], count=[12], heads=[2], mlp=[6], first=[0]),
           lambda: nn.Transformer(12, 2, 1, 1, 6, norm_first=False),
           [normal(1, 3, 12), normal(1, 2, 12), normal(3, 3), normal(2, 2), normal(2, 3)])


def layer_cases(rows):
    for name, arguments, make, inputs in rows:
        for dtype in DTYPES:
            # Norms of four numbers one after the other make a half type's roundings as large as
            # some gradients, in mlx as well: there the chain is compared at a width of twelve.
            if (name == "Transformer" and not arguments["first"][0]
                    and (arguments["count"][0] > 4) == (dtype == mx.float32)):
                continue
            modes = (True, False) if name == "BatchNorm" else (True,)
            for training in modes:
                yield layer_case(name, arguments, make, inputs, dtype, training)


def function_case(name, function, inputs, arguments, dtype):
    inputs = [cast(x, dtype) for x in inputs]
    floating = [i for i, x in enumerate(inputs) if is_float(x)]

    def run(*arrays):
        given = list(inputs)
        for place, x in zip(floating, arrays):
            given[place] = x
        return [function(*given)]

    primals = [inputs[i] for i in floating]
    outputs = run(*primals)
    case = {"operation": name, "arguments": arguments, "inputs": [packed(x) for x in inputs],
            "output": packed(outputs[0])}
    if is_float(outputs[0]):
        cotangents = cotangents_of(outputs)
        _, gradients = mx.vjp(run, primals, cotangents)
        case["cotangent"] = packed(cotangents[0])
        case["gradients"] = [packed(g) for g in gradients]
    return case


def activations():
    table = [
        ("sigmoid", nn.sigmoid, []), ("relu", nn.relu, []),
        ("leakyRelu", nn.leaky_relu, [0.01]), ("leakyRelu", nn.leaky_relu, [0.3]),
        ("logSoftmax", lambda x: nn.log_softmax(x), []), ("elu", nn.elu, [1.0]),
        ("elu", nn.elu, [0.4]), ("relu6", nn.relu6, []), ("reluSquared", nn.relu2, []),
        ("softplus", nn.softplus, []), ("softsign", nn.softsign, []),
        ("softshrink", nn.softshrink, [0.5]), ("softshrink", nn.softshrink, [1.25]),
        ("celu", nn.celu, [1.0]), ("celu", nn.celu, [0.4]), ("silu", nn.silu, []),
        ("logSigmoid", nn.log_sigmoid, []), ("gelu", nn.gelu, []),
        ("geluApproximate", nn.gelu_approx, []), ("geluFastApproximate", nn.gelu_fast_approx, []),
        ("glu", nn.glu, []), ("step", nn.step, [0.3]), ("selu", nn.selu, []),
        ("mish", nn.mish, []), ("hardSwish", nn.hardswish, []),
        ("hardTanH", nn.hard_tanh, [-1.0, 1.0]), ("hardTanH", nn.hard_tanh, [-0.25, 1.5]),
        ("hardShrink", nn.hard_shrink, [0.5]), ("softmin", lambda x: nn.softmin(x), []),
        ("tanh", nn.tanh, []), ("softmax", lambda x: nn.softmax(x), []),
    ]
    for name, function, arguments in table:
        values = list(numbers.uniform(-4, 4, 18)) + [0.0, 12.5, -12.5, -40.0, 7.0, 30.0]
        x = mx.array(values, dtype=mx.float32).reshape(2, 12)
        for dtype in DTYPES:
            yield function_case(name, lambda x: function(x, *arguments), [x], arguments, dtype)
    for dtype in DTYPES:
        x = mx.concatenate([normal(2, 5), mx.zeros((2, 1))], axis=1)
        yield function_case("prelu", nn.prelu, [x, normal(6)], [], dtype)


def losses():
    def positive(*shape):
        return mx.array(numbers.uniform(0.05, 0.95, shape), dtype=mx.float32)

    def signs(*shape):
        return mx.array(numbers.choice([-1.0, 1.0], shape), dtype=mx.float32)

    classes = mx.array([3, 0, 2])
    shares = mx.softmax(normal(3, 4), axis=-1)
    table = [  # name, function, inputs, arguments
        ("crossEntropy", nn.losses.cross_entropy, [normal(3, 4) * 4, classes], {}),
        ("crossEntropy", nn.losses.cross_entropy, [normal(3, 4), classes, positive(3)],
         {"labelSmoothing": 0.25}),
        ("crossEntropy", nn.losses.cross_entropy, [normal(3, 4), shares], {"labelSmoothing": 0.1}),
        ("crossEntropy", nn.losses.cross_entropy,
         [normal(2, 4, 3), mx.array([[3, 0, 1], [2, 2, 0]])], {"axis": 1}),
        ("binaryCrossEntropy", nn.losses.binary_cross_entropy, [normal(3, 4), positive(3, 4)], {}),
        ("binaryCrossEntropy", nn.losses.binary_cross_entropy,
         [normal(3, 4) * 4, positive(3, 4), positive(3, 4)], {}),
        ("binaryCrossEntropy", nn.losses.binary_cross_entropy, [positive(3, 4), positive(3, 4)],
         {"withLogits": 0}),
        ("l1Loss", nn.losses.l1_loss, [normal(3, 4), normal(3, 4)], {}),
        ("mseLoss", nn.losses.mse_loss, [normal(3, 4), normal(3, 4)], {}),
        ("nllLoss", nn.losses.nll_loss, [normal(3, 4), classes], {}),
        ("nllLoss", nn.losses.nll_loss, [normal(4, 3), classes], {"axis": 0}),
        ("klDivLoss", nn.losses.kl_div_loss,
         [nn.log_softmax(normal(3, 4)), nn.log_softmax(normal(3, 4))], {}),
        ("smoothL1Loss", nn.losses.smooth_l1_loss, [normal(3, 4), normal(3, 4)], {"beta": 0.7}),
        ("tripletLoss", nn.losses.triplet_loss, [normal(3, 4) for _ in range(3)], {}),
        ("tripletLoss", nn.losses.triplet_loss, [normal(3, 4) for _ in range(3)],
         {"axis": 0, "p": 3, "margin": 2.0}),
        ("hingeLoss", nn.losses.hinge_loss, [normal(3, 4), signs(3, 4)], {}),
        ("huberLoss", nn.losses.huber_loss, [normal(3, 4), normal(3, 4)], {"delta": 0.6}),
        ("logCoshLoss", nn.losses.log_cosh_loss, [normal(3, 4), normal(3, 4)], {}),
        ("cosineSimilarityLoss", nn.losses.cosine_similarity_loss, [normal(3, 4), normal(3, 4)],
         {}),
        ("cosineSimilarityLoss", nn.losses.cosine_similarity_loss, [normal(3, 4), normal(3, 4)],
         {"axis": 0}),
        ("gaussianNLLLoss", nn.losses.gaussian_nll_loss,
         [normal(3, 4), normal(3, 4), positive(3, 4)], {}),
        ("gaussianNLLLoss", nn.losses.gaussian_nll_loss,
         [normal(3, 4), normal(3, 4), positive(3, 4)], {"full": 1}),
        ("marginRankingLoss", nn.losses.margin_ranking_loss,
         [normal(3, 4), normal(3, 4), signs(3, 4)], {"margin": 0.5}),
    ]
    python = {"labelSmoothing": "label_smoothing", "withLogits": "with_logits"}
    for name, function, inputs, arguments in table:
        known = {python.get(k, k): bool(v) if k in ("withLogits", "full") else v
                 for k, v in arguments.items()}
        for reduction in ("none", "mean", "sum"):
            for dtype in DTYPES:
                yield function_case(
                    name, lambda *x: function(*x, reduction=reduction, **known), inputs,
                    arguments, dtype) | {"reduction": reduction}


def initializers():
    table = [
        ("constant", nn.init.constant(0.5), [0.5]), ("normal", nn.init.normal(0.5, 2.0), [0.5, 2.0]),
        ("uniform", nn.init.uniform(-1.0, 3.0), [-1.0, 3.0]), ("identity", nn.init.identity(), []),
        ("glorotNormal", lambda a: nn.init.glorot_normal()(a, 0.5), [0.5]),
        ("glorotUniform", lambda a: nn.init.glorot_uniform()(a, 2.0), [2.0]),
        ("heNormalIn", lambda a: nn.init.he_normal()(a, "fan_in", 1.5), [1.5]),
        ("heNormalOut", lambda a: nn.init.he_normal()(a, "fan_out"), [1.0]),
        ("heUniformIn", lambda a: nn.init.he_uniform()(a, "fan_in", 1.5), [1.5]),
        ("heUniformOut", lambda a: nn.init.he_uniform()(a, "fan_out"), [1.0]),
        ("sparse", nn.init.sparse(0.5, 1.0, 0.5), [0.5, 1.0, 0.5]),
        ("orthogonal", nn.init.orthogonal(2.0), [2.0]),
    ]
    for seed, (name, function, arguments) in enumerate(table):
        shapes = {"identity": [(4, 4)], "sparse": [(3, 5)], "orthogonal": [(3, 5), (4, 2)]}
        for shape in shapes.get(name, [(3, 4), (2, 2, 3)]):
            mx.random.seed(seed)
            yield {"operation": name, "arguments": arguments, "seed": seed,
                   "output": packed(function(mx.zeros(shape)))}


if __name__ == "__main__":
    assert mx.__version__ == fixtures.VERSION, f"mlx {fixtures.VERSION} is needed"
    mx.set_default_device(mx.cpu)
    write("nn_layers", layer_cases(chain(simple_layers(), convolutions(), normalizations())))
    write("nn_windows", layer_cases(chain(pools(), upsamples(), positions())))
    write("nn_sequences", layer_cases(chain(recurrent(), attention())))
    write("nn_activations", activations())
    write("nn_losses", losses())
    write("nn_initializers", initializers())
