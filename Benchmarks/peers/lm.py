"""The cases of language models: which files, a prompt and its continuation, and tokenizers.

The files are those that `lm_models.py` and `lm_vocabularies.py` make in data/lm. A peer brings a model:
`read(tokens)` runs a prompt through a fresh cache, `next(token)` one token more; both give the
likeliest next token.
"""
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "data" / "lm"
VOCABULARIES = FOLDER / "vocabularies"
PROMPT = [i * 7919 % 40000 + 100 for i in range(512)]
DECODED = 64
TUNED = 256
TEXT = [i * 7919 % 40000 + 100 for i in range(TUNED + 1)]


def cases(models):
    """All cases of a peer: {label: function that loads a model}."""
    found = {}
    for label, load in models.items():
        found[f"lm_prefill{len(PROMPT)}_{label}"] = (
            "tokens/s", lambda seconds: len(PROMPT) / seconds, lambda load=load: prefill(load()))
        found[f"lm_decode_{label}"] = (
            "tokens/s", lambda seconds: DECODED / seconds, lambda load=load: decode(load()))
    return found


def tuning_cases(steps):
    """The cases of fine-tuning in float32: {word: function that makes a step}; a step takes one text of
    256 tokens, with an adapter of rank 8 on all linear layers or of all weights."""
    return {
        f"lm_{word}": ("tokens/s", lambda seconds: TUNED / seconds, make) for word, make in steps.items()}


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


def tokenizer_cases(label):
    """Name, unit and value of the cases of a vocabulary: of its file, and of the whole text."""
    yield f"tokenizer_load_{label}", "s", lambda seconds: seconds
    size = (VOCABULARIES / "text.txt").stat().st_size / 1e6
    for kind in "encode", "decode":
        yield f"tokenizer_{kind}_{label}", "MB/s", lambda seconds: size / seconds


def pages():
    """The text in whole lines, 4,000 bytes or a little more together, as a training job encodes it."""
    data, parts, start = (VOCABULARIES / "text.txt").read_bytes(), [], 0
    while start < len(data):
        end = data.find(b"\n", min(start + 4000, len(data)) - 1) + 1 or len(data)
        parts.append(data[start:end].decode())
        start = end
    return parts


def digest(rows):
    """A number that is the same where all ids are."""
    state = 0
    for row in rows:
        for value in row:
            state = (state * 31 + value) % (1 << 32)
    return state
