"""What each case must reach: the bars of the project, and how a figure is held against them."""
from typing import NamedTuple

SMALLER_IS_BETTER = ("s", "us/op", "peak MiB over start (array is 16 MiB)")


class Bar(NamedTuple):
    """At least `ratio` times the speed of the best of `peers` in any of `cases`; or, with `limit`, at
    most that figure."""

    ratio: float = 0.0
    goal: float = 0.0
    peers: tuple = ()  # all, unless named
    cases: tuple = ()  # the case itself, unless named
    limit: float = 0.0


def variants(name):
    return name + "_eager", name + "_compiled"


BARS = {
    **{f"matmul_f32_{n}": Bar(0.95) for n in (512, 1024, 2048)},
    "matmul_f32_1x4096x4096": Bar(1.0, peers=("torch",)),
    "matmul_f32_64x4096x1024": Bar(1.0, peers=("torch",)),
    **{n: Bar(1.0, peers=("torch",)) for n in ("matmul_f32_16x4096x1024", "matmul_f32_768x16x4096", "linear_f32_2x4096x1024", "linear_f32_8x4096x1024")},
    "matmul_bf16_1024": Bar(0.95, peers=("torch",)),
    "softmax_4096x1024": Bar(1.5, peers=("torch",)),
    "layernorm_4096x1024": Bar(1.5, peers=("torch",)),
    "sum_axis0_4096": Bar(1.0, peers=("torch",)),
    "sum_axis1_4096": Bar(1.0, peers=("torch",)),
    **{n: Bar(1.0, peers=("torch",)) for n in ("sum_axis0_4096x256", "sum_axes02_64x128x256", "batchnorm_16x64x64x32", "groupnorm_16x64x64x32", "stack_64_of_64x64")},
    **{f"{n}_32x64x256_{v}": Bar(1.0, peers=("torch",)) for n in ("lstm", "gru") for v in ("fwd", "fwdbwd")},
    "conv_mnist_fwdbwd": Bar(0.95, peers=("torch",)),
    "conv_64ch_fwd": Bar(0.95, peers=("torch",)),
    "conv_64ch_fwdbwd": Bar(0.95, peers=("torch",)),
    **{f"conv_{n}_{v}": Bar(1.0, peers=("torch",)) for n in ("depthwise", "groups4", "strided", "transposed", "volume", "small", "64ch_bf16") for v in ("fwd", "fwdbwd")},
    **{n: Bar(1.0, peers=("torch",)) for n in ("fft_2^20", "fft_1024x1024", "rfft_1024x1024", "fft2_1024x1024")},
    **{f"{n}_2^20": Bar(1.0, peers=("torch",)) for n in ("power", "cube", "arctan2", "remainder", "tan", "gelu_erf")},
    **{f"{n}_2048": Bar(1.0, peers=("torch",)) for n in ("concatenate", "roll", "take_along0", "take_along1", "put_along0", "put_along1")},
    **{n: Bar(1.0, peers=("torch",)) for n in ("matmul_planes_4", "matmul_planes_16", "avgpool_2x2", "avgpool_3x3")},
    **{f"{n}_2048": Bar(1.0, peers=("torch",)) for n in ("variance_axis0", "variance_axis1", "norm_rows", "logsoftmax_rows", "top10_rows")},
    "sdpa_causal_fwd": Bar(1.5, peers=("torch",)),
    "sdpa_causal_fwdbwd": Bar(1.8, peers=("torch",)),
    "embed_8192_50kx256": Bar(1.0),
    "sort_2^20": Bar(1.5),
    **{f"eltwise_2^12_{v}": Bar(1.0, cases=variants("eltwise_2^12")) for v in ("eager", "compiled")},
    **{f"eltwise_2^20_{v}": Bar(1.0, cases=variants("eltwise_2^20")) for v in ("eager", "compiled")},
    **{f"eltwise_2^24_{v}": Bar(2.0, cases=variants("eltwise_2^24")) for v in ("eager", "compiled")},
    "gelu_2^20_fwd": Bar(2.5, peers=("torch",)),
    "gelu_2^20_bwd": Bar(2.5, peers=("torch",)),
    "dispatch_add_chain": Bar(limit=1.0),
    "dispatch_add_chain_compiled": Bar(limit=0.3),
    "mempeak_chain200": Bar(limit=32),
    **{case: Bar(1.0, 1.2, cases=variants("mlp")) for case in variants("mlp")},
    **{case: Bar(1.1, 1.3, cases=variants("cnn")) for case in variants("cnn")},
}
MODELS = ("resnet", "mobilenet", "convnext", "vit", "autoencoder", "unet", "gru", "lstm", "textcnn", "wavenet", "seq2seq", "recommender")
BARS |= {model: Bar(1.0, peers=("torch",)) for model in MODELS}
FORMATS = "q4_1", "q4_0", "q8_0", "bf16"
for form, least in ("q4_1", 1.8), ("q8_0", 1.2), ("bf16", 1.0):
    BARS[f"lm_decode_{form}"] = Bar(least, peers=("llamacpp",))
# A prompt is held against the best of all, whatever the stored form.
for form in FORMATS:
    BARS[f"lm_prefill512_{form}"] = Bar(
        1.0, cases=tuple(f"lm_prefill512_{other}" for other in (*FORMATS, "fp32")))
for word in "lora", "full":
    BARS[f"lm_{word}_fp32"] = Bar(
        1.3, peers=("torch",), cases=(f"lm_{word}_fp32", f"lm_{word}_fp32_compiled"))
for vocabulary in "smollm", "qwen", "spm", "unigram", "wordpiece":
    BARS[f"tokenizer_load_{vocabulary}"] = Bar(limit=0.5)
    BARS[f"tokenizer_encode_{vocabulary}"] = Bar(1.0)
# Half the width is held against the best peer in float32.
for model, goal in ("gpt_nano", 1.4), ("gpt_small", 1.5), ("llama135_full", 1.5), ("llama135_lora", 1.5):
    for case in variants(model):
        BARS[case] = Bar(1.2, goal, cases=variants(model))
    for case in variants(model + "_bf16"):
        BARS[case] = Bar(1.7, 2.2, cases=variants(model))


def best(case, metric, values, peers=()):
    """(peer, value) of the best of some or all peers that `case` is held against, in any variant of
    it; values: {(case, peer): value}."""
    cases = BARS.get(case, Bar()).cases or (case,)
    found = [
        (value, peer)
        for (name, peer), value in values.items()
        if name in cases and peer != "swift" and (not peers or peer in peers)
    ]
    if not found:
        return None
    value, peer = (min if metric in SMALLER_IS_BETTER else max)(found)
    return peer, value


def ratio(metric, ours, found):
    """How many times better ours is than the peer that `best` found."""
    if not ours or not found:
        return None
    return found[1] / ours if metric in SMALLER_IS_BETTER else ours / found[1]


def verdict(case, metric, ours, values):
    """The bar in words, and whether it is met: nothing where that is not known."""
    bar = BARS.get(case)
    if bar is None:
        return "", ""
    if bar.limit:
        return f"≤ {bar.limit:g}", "yes" if ours <= bar.limit else "**no**"
    words = f"≥ {bar.ratio:g}×" + (f" ({bar.goal:g}×)" if bar.goal else "")
    reached = ratio(metric, ours, best(case, metric, values, bar.peers))
    if bar.peers:
        words += " " + bar.peers[0] + (f": {reached:.2f}" if reached else "")
    if reached is None:
        return words, ""
    if bar.goal and reached >= bar.goal:
        return words, "yes, the goal"
    return words, "yes" if reached >= bar.ratio else "**no**"
