"""The cases of language models: which files, and a prompt and its continuation.

The files are those that `lm_models.py` makes in data/lm. A peer brings a model: `read(tokens)` runs a
prompt through a fresh cache, `next(token)` one token more; both give the likeliest next token.
"""
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "data" / "lm"
PROMPT = [i * 7919 % 40000 + 100 for i in range(512)]
DECODED = 64


def cases(models):
    """All cases of a peer: {label: function that loads a model}."""
    found = {}
    for label, load in models.items():
        found[f"lm_prefill{len(PROMPT)}_{label}"] = (
            "tokens/s", lambda seconds: len(PROMPT) / seconds, lambda load=load: prefill(load()))
        found[f"lm_decode_{label}"] = (
            "tokens/s", lambda seconds: DECODED / seconds, lambda load=load: decode(load()))
    return found


def prefill(model):
    return lambda: model.read(PROMPT)


def decode(model):
    """Decodes behind the prompt again and again; only the tokens behind it are timed."""
    state = {"token": model.read(PROMPT), "fresh": True}

    def run():
        if not state["fresh"]:
            model.take_back(DECODED)
        state["fresh"] = False
        token = state["token"]
        for _ in range(DECODED):
            token = model.next(token)

    return run
