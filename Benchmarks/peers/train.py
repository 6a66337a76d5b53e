"""The training steps: their names, sizes and units. A peer brings the steps."""
import resource
from dataclasses import dataclass


@dataclass(frozen=True)
class GPT:
    """Learned positions, layer norms, GELU."""

    layers: int
    width: int
    heads: int
    batch: int
    context: int = 256
    vocabulary: int = 65


@dataclass(frozen=True)
class Llama:
    """SmolLM2 135M's size: rotary positions, grouped heads, gated units, tied embedding."""

    adapters: bool  # of rank 8 and scale 2 on queries and values, and only those are trained
    layers: int = 30
    width: int = 576
    heads: int = 9
    groups: int = 3
    inner: int = 1536
    vocabulary: int = 49152
    base: float = 1e5
    context: int = 256
    rank: int = 8
    scale: float = 2.0

    @property
    def head_width(self):
        return self.width // self.heads


GPTS = {"gpt_nano": GPT(4, 256, 4, 16), "gpt_small": GPT(6, 384, 6, 8)}
LLAMAS = {"llama135_full": Llama(False), "llama135_lora": Llama(True)}


def models():
    """(name, unit, units a step, size) of every model."""
    yield "mlp", "samples/s", 256, None
    yield "cnn", "samples/s", 64, None
    for name, size in GPTS.items():
        yield name, "tokens/s", size.batch * size.context, size
    for name, size in LLAMAS.items():
        yield name, "tokens/s", size.context, size


def cases(step, variants, half=False):
    """All cases of a peer: step(model, size, compiled, half) gives a function that trains once and
    gives the loss as a float. With `half` also bfloat16 computation on float32 weights."""
    found = {}
    for model, unit, count, size in models():
        for type_, suffix in ((False, ""), (True, "_bf16")) if half and size else ((False, ""),):
            for variant in variants:
                found[f"{model}{suffix}_{variant}"] = case(
                    unit, count, lambda m=model, s=size, c=variant == "compiled", h=type_: step(m, s, c, h))
    return found


def case(unit, count, make):
    losses = []

    def prepare():
        step = make()
        return lambda: losses.append(step())

    def notes():
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        return {"peak_rss_mib": peak, "loss_first": losses[0], "loss_last": losses[-1]}

    return unit, lambda seconds: count / seconds, prepare, notes
