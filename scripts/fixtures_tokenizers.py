#!/usr/bin/env python3
"""Writes Tests/Fixtures/tokenizers: small trained tokenizers and what the packages make of a text.

Needs the packages tokenizers, sentencepiece and tiktoken. The same versions give the same files.
Each tokenizer is trained on a small corpus of many scripts; each line of `torture.json` is encoded
and decoded, and the fixture keeps a digest of the ids and of the text.
"""
import base64
import io
import json
import random
import unicodedata
from pathlib import Path

import sentencepiece
import tiktoken
import tokenizers
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers,
                        pre_tokenizers, processors, trainers)

FOLDER = Path(__file__).resolve().parent.parent / "Tests" / "Fixtures" / "tokenizers"
LINES = 2000

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + REST
QWEN2 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + REST
QWEN35 = (CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}"
          r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
SLASHES = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
TEKKEN = (rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*"
          r"|\p{N}" + SLASHES)
O200K = (rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+{CONTRACTIONS}?"
         rf"|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*{CONTRACTIONS}?"
         r"|\p{N}{1,3}" + SLASHES)
CL100K = (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}"
          r"| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+")

SENTENCES = [
    "The quick brown fox jumps over the lazy dog, and it doesn't look back.",
    "We've measured 1,234.56 metres; they'll measure 2024 more. I'M NOT SURE, you're right!",
    "A tokenizer cuts words into pieces: un-believ-able, re-tokenization, under_scores.",
    "Der Zug fährt über die große Brücke, während die Vögel singen. Straße, Maß, Füße.",
    "Où est passée l'élève qui préférait les crêpes à la crème brûlée ? Ça, naïve œuvre !",
    "El niño pequeño comió piñas y jalapeños mañana por la mañana. ¿Dónde está? ¡Allí!",
    "Città, perché, così: l'università è già lì, più o meno.",
    "Żółw pędzi szybko, gęś śpi, a łódź płynie. Příliš žluťoučký kůň úpěl ďábelské ódy.",
    "Быстрая коричневая лиса прыгает через ленивую собаку. Съешь ещё этих мягких булок.",
    "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. Η γλώσσα είναι όμορφη.",
    "Tiếng Việt có nhiều dấu: người, trường, đường, những, được, Nguyễn, phở.",
    "今天天气很好，我们去公园散步。机器学习的模型需要很多数据。",
    "東京は日本の首都です。カタカナとひらがな、そして漢字を使います。",
    "안녕하세요, 오늘은 날씨가 좋습니다. 한국어 문장을 토큰으로 나눕니다.",
    "مرحبا بالعالم، كيف حالك اليوم؟ اللغة العربية جميلة.",
    "שלום עולם, מה שלומך היום? השפה העברית נכתבת מימין לשמאל.",
    "नमस्ते दुनिया, आज मौसम अच्छा है। हिन्दी देवनागरी में लिखी जाती है।",
    "வணக்கம் உலகம், தமிழ் ஒரு பழமையான மொழி.",
    "สวัสดีชาวโลก วันนี้อากาศดีมาก ภาษาไทยไม่มีช่องว่าง",
    "გამარჯობა მსოფლიო. Բարեւ աշխարհ: ሰላም ልዑል። ជំរាបសួរ ពិភពលោក",
    "def add(a, b):\n    return a + b  # adds\n\n\nclass Foo(Bar):\n\tdef __init__(self):\n\t\tpass",
    "for (int i = 0; i < n; ++i) { sum += x[i] * y[i]; }  // dot product",
    "let value = try container.decode([String: Int].self, forKey: .weights) ?? [:]",
    "SELECT name, COUNT(*) FROM users WHERE age >= 21 GROUP BY name ORDER BY 2 DESC;",
    "<div class=\"card\"><p>Hello &amp; welcome</p></div>",
    "{\"role\": \"user\", \"content\": \"What's 2 + 2?\", \"n\": [1, 2.5e-3, null, true]}",
    "https://example.org/path/to/page?query=1&other=%20#fragment  user@example.org",
    "E = mc², ∑ᵢ xᵢ ≤ ∞, ½ + ¼ = ¾, α→β, 37°C, №5, €100, £20, ¥3000",
    "😀 👍🏽 👩‍👩‍👧‍👦 🇩🇪 🏳️‍🌈 ❤️ ☕️ 1️⃣ ™ © ®",
    "“Quotes” ‘single’ — dash – en… ellipsis • bullet «guillemets» 「括弧」",
]

PIECES = [
    " ", "  ", "   ", "\t", "\t\t", "\n", "\n\n", "\r\n", "\r", " \n ", "\n \n", "\u00a0", "\u3000",
    "\u2003", "\u2028", "\u0085", "\u200b", "\ufeff", "\v", "\f", " \t ", "        ",
    "'s", "'S", "'re", "'LL", "'ve", "'T", "'m", "'d", "\u2019s", "'\u017f", "'x", "''", "n't",
    "0", "7", "12", "123", "1234", "1234567", "3.14", "1e-9", "0x1F", "١٢٣", "१२३", "Ⅷ", "½", "²",
    "_", "__init__", "-", "--", "...", "!!!", "?!", "/", "//", "/*", "*/", "\\n", "$", "%d", "@",
    "#include", "==", "!=", "<=", "=>", "->", "::", "{}", "[]", "()", "<|", "|>", "<s>", "</s>",
    "<0x41>", "▁", "▁▁", "Ġ", "##ing", "[UNK]", "[MASK]", "<|user|>", "<unk>",
    "e\u0301", "é", "n\u0303", "ñ", "a\u0323\u0307", "a\u0307\u0323", "가", "\u1100\u1161", "ﬁ", "ﬀ",
    "Ａ", "ｶﾞ", "㌔", "①", "ǅ", "ß", "ẞ", "İ", "ı", "ſ", "K", "Å", "Å", "ς", "Σ", "\u0958",
    "क\u093c", "\u0bca", "ஃ", "ཀྵ", "\u0f73", "👍", "👍🏽", "👨‍👩‍👧", "🇫🇷", "🏳️‍🌈", "☺️", "☺︎", "1️⃣", "🤖",
    "camelCase", "PascalCaseWord", "HTTPServer", "XMLHttpRequest", "iPhone", "McDonald", "ABCdef",
    "ŁÓDŹ", "ЁЖ", "ΑΒΓαβγ", "ʰʷ", "ªº", "ǈubav",
]


def digest(values):
    """FNV-1a, folded to 32 bits, over bytes or over each number as four of them."""
    state = 0xCBF29CE484222325
    data = values if isinstance(values, bytes) else b"".join(v.to_bytes(4, "little") for v in values)
    for byte in data:
        state = ((state ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{(state >> 32) ^ (state & 0xFFFFFFFF):08x}"


def old_scalars():
    """Scalars of Unicode 3.2, so that no two versions of the tables differ on them."""
    database = unicodedata.ucd_3_2_0
    keep = []
    for value in range(0x30000):
        char = chr(value)
        category = database.category(char)
        if category in ("Cn", "Cs", "Co") or category != unicodedata.category(char):
            continue
        if 0x3400 <= value < 0x9FFF or 0xAC00 <= value < 0xD7A4 or value >= 0x20000:
            if value % 97:
                continue
        keep.append(char)
    return keep


def torture():
    chance = random.Random(20261126)
    scalars = old_scalars()
    words = [word for sentence in SENTENCES for word in sentence.split(" ")]
    lines = ["", " ", "\n", "a", "▁", "'", "\t \n", "é", "e\u0301"] + SENTENCES
    while len(lines) < LINES:
        kind = chance.random()
        parts = []
        for _ in range(chance.randint(1, 10)):
            pick = chance.random()
            if kind < 0.12:
                parts.append(chance.choice(scalars))
            elif kind < 0.25:
                parts.append(chance.choice(PIECES))
            elif pick < 0.5:
                parts.append(chance.choice(words))
            elif pick < 0.8:
                parts.append(chance.choice(PIECES))
            elif pick < 0.85:
                parts.append(chance.choice(words).upper())
            elif pick < 0.9:
                parts.append(chance.choice(scalars))
            if kind >= 0.12 and chance.random() < 0.6:
                parts.append(" ")
        lines.append("".join(parts))
    return lines


def corpus():
    chance = random.Random(5)
    words = [word for sentence in SENTENCES for word in sentence.split(" ")]
    text = SENTENCES * 4
    for _ in range(400):
        text.append(" ".join(chance.choice(words) for _ in range(8)))
    return text


def write(name, value):
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    (FOLDER / name).write_text(text + "\n", encoding="utf-8")


def expected(ids, texts, raw):
    """Digests of ids and texts of all lines, the ids of some, and how many texts are the lines."""
    return {
        "ids": "".join(digest(row) for row in ids),
        "texts": "".join(digest(text.encode("utf-8", "replace")) for text in texts),
        "first": ids[9:60:5],
        "same": sum(a == b for a, b in zip(texts, raw)),
    }


def save(name, tokenizer, lines):
    """A trained tokenizer and what it makes of the lines."""
    tokenizer.save(str(FOLDER / f"{name}.json"), pretty=False)
    again = Tokenizer.from_file(str(FOLDER / f"{name}.json"))
    rows = [again.encode(line).ids for line in lines]
    bare = [again.encode(line, add_special_tokens=False).ids for line in lines]
    texts = [again.decode(row, skip_special_tokens=False) for row in rows]
    result = expected(rows, texts, lines)
    # Without the model's own start and end, and the text without special tokens.
    result["bare"] = "".join(
        digest(b"".join(id.to_bytes(4, "little") for id in row)
               + again.decode(row, skip_special_tokens=True).encode()) for row in bare)
    write(f"{name}.expected.json", result)


def trained_bytes(text, size=900, pre=None, special=(), **model):
    tokenizer = Tokenizer(models.BPE(**model))
    tokenizer.pre_tokenizer = pre
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=list(special), show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(text, trainer)
    return tokenizer


def split(pattern, behavior="isolated", invert=False):
    return pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), behavior, invert),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def byte_level(text, lines):
    plain = pre_tokenizers.ByteLevel(add_prefix_space=False)
    gpt2 = trained_bytes(text, pre=plain)
    gpt2.post_processor = processors.ByteLevel(trim_offsets=False)
    save("gpt2", gpt2, lines)

    roberta = trained_bytes(
        text, pre=pre_tokenizers.ByteLevel(add_prefix_space=True),
        special=["<s>", "<pad>", "</s>", "<unk>"], unk_token="<unk>")
    roberta.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    roberta.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    save("roberta", roberta, lines)

    digits = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), plain])
    save("smollm", trained_bytes(
        text, pre=digits, special=["<|endoftext|>", "<|im_start|>", "<|im_end|>"]), lines)

    llama3 = trained_bytes(text, pre=split(LLAMA3), ignore_merges=True)
    llama3.add_special_tokens(["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"])
    start = llama3.token_to_id("<|begin_of_text|>")
    llama3.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(
            single="<|begin_of_text|> $A", pair=None,
            special_tokens=[("<|begin_of_text|>", start)])])
    save("llama3", llama3, lines)

    qwen = trained_bytes(text, pre=split(QWEN2))
    qwen.normalizer = normalizers.NFC()
    qwen.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    qwen.add_tokens([AddedToken("<tool_call>", normalized=False)])
    save("qwen2", qwen, lines)
    save("qwen35", trained_bytes(text, pre=split(QWEN35)), lines)
    save("tekken", trained_bytes(text, pre=split(TEKKEN)), lines)
    save("o200k", trained_bytes(text, pre=split(O200K)), lines)
    save("cl100k", trained_bytes(text, pre=split(CL100K, "removed", True)), lines)
    other = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"[\r\n]"), "isolated"),
        pre_tokenizers.Split(Regex(r"\s?\p{L}+"), "isolated"),
        pre_tokenizers.Split(Regex(r"\s?\p{P}+"), "isolated"),
        pre_tokenizers.Split(Regex(r"[一-龥ࠀ-一가-퟿]+"), "isolated"),
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    save("deepseek", trained_bytes(text, pre=other), lines)


def with_fallback(trained, special):
    """A trained model of characters, with the tokens of all bytes before its own."""
    data = json.loads(trained.to_str())
    tokens = special + [f"<0x{byte:02X}>" for byte in range(256)]
    own = sorted(data["model"]["vocab"], key=data["model"]["vocab"].get)
    tokens += [token for token in own if token not in tokens]
    data["model"]["vocab"] = {token: index for index, token in enumerate(tokens)}
    data["model"].update(byte_fallback=True, fuse_unk=True, unk_token="<unk>")
    data["added_tokens"] = []
    tokenizer = Tokenizer.from_str(json.dumps(data))
    tokenizer.add_special_tokens([AddedToken(name, normalized=False) for name in special])
    return tokenizer


def sentence_pieces(text, lines):
    base = Tokenizer(models.BPE(unk_token="<unk>"))
    base.pre_tokenizer = pre_tokenizers.Metaspace()
    base.train_from_iterator(text, trainers.BpeTrainer(
        vocab_size=900, limit_alphabet=150, show_progress=False, special_tokens=["<unk>"]))
    special = ["<unk>", "<s>", "</s>"]
    back = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    bos = processors.TemplateProcessing(single="<s> $A", pair=None, special_tokens=[("<s>", 1)])

    llama2 = with_fallback(base, special)
    llama2.pre_tokenizer = None
    llama2.normalizer = normalizers.Sequence([
        normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    llama2.decoder = decoders.Sequence(back + [decoders.Strip(" ", 1, 0)])
    llama2.post_processor = bos
    save("llama2", llama2, lines)

    gemma = with_fallback(base, special)
    gemma.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    gemma.normalizer = normalizers.Replace(" ", "▁")
    gemma.decoder = decoders.Sequence(back)
    gemma.post_processor = bos
    save("gemma", gemma, lines)

    phi3 = with_fallback(base, special)
    phi3.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    phi3.decoder = decoders.Sequence(back + [decoders.Strip(" ", 1, 0)])
    phi3.add_special_tokens([AddedToken("<|user|>", rstrip=True, normalized=False)])
    save("phi3", phi3, lines)


def unigrams(text, lines):
    plain = Tokenizer(models.Unigram())
    plain.normalizer = normalizers.Sequence([
        normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    plain.pre_tokenizer = pre_tokenizers.Metaspace()
    plain.decoder = decoders.Metaspace()
    plain.train_from_iterator(text, trainers.UnigramTrainer(
        vocab_size=800, special_tokens=["<s>", "</s>", "<unk>"], unk_token="<unk>",
        show_progress=False))
    plain.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair=None, special_tokens=[("</s>", plain.token_to_id("</s>"))])
    save("unigram", plain, lines)

    data = json.loads(plain.to_str())
    data["model"]["vocab"] += [[f"<0x{byte:02X}>", -20.0 - byte] for byte in range(256)]
    data["model"]["byte_fallback"] = True
    data["normalizer"] = None
    data["pre_tokenizer"] = {
        "type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": False}
    data["decoder"] = {"type": "Sequence", "decoders": [
        {"type": "ByteFallback"}, {"type": "Metaspace", "replacement": "▁",
                                   "prepend_scheme": "always", "split": True}]}
    save("unigram-bytes", Tokenizer.from_str(json.dumps(data)), lines)


def word_pieces(text, lines):
    for name, lowercase, strip in [("bert", True, None), ("bert-cased", False, False)]:
        bert = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=40))
        bert.normalizer = normalizers.BertNormalizer(lowercase=lowercase, strip_accents=strip)
        bert.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        bert.decoder = decoders.WordPiece(cleanup=lowercase)
        bert.train_from_iterator(text, trainers.WordPieceTrainer(
            vocab_size=900, limit_alphabet=200, show_progress=False,
            special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]))
        bert.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair=None, special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
        save(name, bert, lines)


def others(text, lines):
    """Words with ends and continuing parts, and added tokens of every kind."""
    ends = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    ends.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()])
    ends.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation("contiguous")])
    ends.decoder = decoders.BPEDecoder()
    ends.train_from_iterator(text, trainers.BpeTrainer(
        vocab_size=900, show_progress=False, end_of_word_suffix="</w>", special_tokens=["<unk>"],
        limit_alphabet=200))
    save("word-ends", ends, lines)

    parts = Tokenizer(models.BPE(
        unk_token="<unk>", continuing_subword_prefix="@@", fuse_unk=True))
    parts.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    parts.train_from_iterator(text, trainers.BpeTrainer(
        vocab_size=900, show_progress=False, continuing_subword_prefix="@@",
        special_tokens=["<unk>"], limit_alphabet=200))
    save("word-parts", parts, lines)

    added = trained_bytes(text, pre=pre_tokenizers.ByteLevel(add_prefix_space=False))
    added.normalizer = normalizers.Lowercase()
    added.add_tokens([
        AddedToken("the", single_word=True, normalized=True), AddedToken("é", lstrip=True),
        AddedToken("HTTP", normalized=False), AddedToken("HTTPServer", normalized=False),
        AddedToken("==", rstrip=True), AddedToken(" and ", lstrip=True, rstrip=True),
        AddedToken("camelCase", normalized=True), AddedToken("  "), AddedToken("▁")])
    added.add_special_tokens([AddedToken("<s>", normalized=False, rstrip=True, lstrip=True)])
    save("added", added, lines)


def components(lines):
    """What single normalizers and pre-tokenizers make of the lines."""
    small = lines[::4] + lines[1:40]
    tables = {"normalizers": [], "pre_tokenizers": []}
    charsmap = piece_model("charsmap", small_rules=True)
    for part in [
            normalizers.NFC(), normalizers.NFD(), normalizers.NFKC(), normalizers.NFKD(),
            normalizers.Lowercase(), normalizers.StripAccents(), normalizers.Nmt(),
            normalizers.Strip(left=True, right=False), normalizers.Strip(), normalizers.Prepend("_"),
            normalizers.Replace(Regex(r"(?i)[aeiou]{2,}|\d+?"), "#"), normalizers.ByteLevel(),
            normalizers.Replace("a", "bb"), normalizers.Precompiled(charsmap),
            normalizers.BertNormalizer(), normalizers.BertNormalizer(clean_text=False),
            normalizers.BertNormalizer(strip_accents=False, handle_chinese_chars=False),
            normalizers.Sequence([normalizers.NFKD(), normalizers.Lowercase()])]:
        spec = json.loads(Tokenizer_with(normalizer=part))["normalizer"]
        rows = "".join(digest(part.normalize_str(line).encode()) for line in small)
        tables["normalizers"].append({"spec": spec, "texts": rows})
    behaviors = ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]
    parts = [
        pre_tokenizers.ByteLevel(add_prefix_space=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        pre_tokenizers.Whitespace(), pre_tokenizers.WhitespaceSplit(),
        pre_tokenizers.BertPreTokenizer(), pre_tokenizers.Digits(True), pre_tokenizers.Digits(False),
        pre_tokenizers.CharDelimiterSplit("e"),
        pre_tokenizers.Metaspace(), pre_tokenizers.Metaspace(prepend_scheme="never"),
        pre_tokenizers.Metaspace(replacement="_", prepend_scheme="first"),
        pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])]
    for behavior in behaviors:
        parts.append(pre_tokenizers.Punctuation(behavior))
        for invert in [False, True]:
            parts.append(pre_tokenizers.Split("e", behavior, invert))
            parts.append(pre_tokenizers.Split(Regex(r"\p{Lu}\p{Ll}*|[0-9]{2}"), behavior, invert))
    for pattern in [GPT2, LLAMA3, QWEN2, QWEN35, TEKKEN, O200K, CL100K, r"(?<=[a-z])(?=[A-Z])",
                    r"\b\w+?\b", r"(?:ab|a)+|[^a-z\s]+?(?=\s)|(?>x+)y*", r"^\s*\S|.$", r"(?<!\d)\d",
                    r"(?i:straße|ΣΑΣ|[k-m]+)", r"[\-\w.]+@", r"\p{^L}{2,3}?", r"[^\W_]+|\P{N}"]:
        parts.append(pre_tokenizers.Split(Regex(pattern), "isolated"))
    for part in parts:
        spec = json.loads(Tokenizer_with(pre_tokenizer=part))["pre_tokenizer"]
        rows = "".join(
            digest("\0".join(piece for piece, _ in part.pre_tokenize_str(line)).encode())
            for line in small)
        tables["pre_tokenizers"].append({"spec": spec, "texts": rows})
    write("normalizers.json", tables["normalizers"])
    write("pre-tokenizers.json", tables["pre_tokenizers"])


def Tokenizer_with(**parts):
    tokenizer = Tokenizer(models.BPE())
    for name, part in parts.items():
        setattr(tokenizer, name, part)
    return tokenizer.to_str()


def piece_model(name, small_rules=False, **options):
    """A SentencePiece model; its charsmap alone if its rules are the small ones of this script."""
    if small_rules:
        rules = {"ﬁ": "fi", "ﬀ": "ff", "①": "1", "Ａ": "A", "é": "e", "e\u0301": "e", "½": "1/2",
                 "㌔": "キロ", "\t": " ", "\n": " ", "\u3000": " ", "\u200b": "", "…": "...",
                 "ｶﾞ": "ガ", "ｶ": "カ", "™": "TM"}
        path = FOLDER / "rules.tsv"
        path.write_text("".join(
            " ".join(f"{ord(c):X}" for c in a) + "\t" + " ".join(f"{ord(c):X}" for c in b) + "\n"
            for a, b in sorted(rules.items())), encoding="utf-8")
        options["normalization_rule_tsv"] = str(path)
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus()), model_writer=model, minloglevel=2, num_threads=1,
        **({"vocab_size": 700, "hard_vocab_limit": False} | options))
    if small_rules:
        path.unlink()
    data = model.getvalue()
    if name == "charsmap":
        from sentencepiece import sentencepiece_model_pb2
        proto = sentencepiece_model_pb2.ModelProto.FromString(data)
        return proto.normalizer_spec.precompiled_charsmap
    return data


def piece_models(lines):
    table = {
        "spm-bpe": dict(model_type="bpe", byte_fallback=True, character_coverage=0.98,
                        normalization_rule_name="identity", remove_extra_whitespaces=False,
                        user_defined_symbols=["<tool>", "▁▁▁"]),
        "spm-unigram": dict(model_type="unigram", small_rules=True, character_coverage=0.98),
        "spm-suffix": dict(model_type="unigram", byte_fallback=True, character_coverage=0.98,
                           add_dummy_prefix=False, normalization_rule_name="identity",
                           user_defined_symbols=["HTTP", "<tool>"]),
    }
    for name, options in table.items():
        data = piece_model(name, **options)
        (FOLDER / f"{name}.model").write_bytes(data)
        pieces = sentencepiece.SentencePieceProcessor(model_proto=data)
        # Ours finds special tokens in a text, which this package never does.
        plain = list(lines)
        for special in ["<s>", "</s>", "<unk>"] * 2:
            plain = [line.replace(special, "") for line in plain]
        rows = [pieces.encode(line) for line in plain]
        result = expected(rows, [pieces.decode(row) for row in rows], plain)
        if name == "spm-bpe":
            size = range(pieces.get_piece_size())
            kinds = [2 if pieces.is_unknown(i) else 3 if pieces.is_control(i)
                     else 6 if pieces.is_byte(i) else 1 for i in size]
            kinds = [4 if pieces.id_to_piece(i) in ("<tool>", "▁▁▁") else kinds[i] for i in size]
            result["gguf"] = {
                "tokens": [pieces.id_to_piece(i) for i in size],
                "scores": [pieces.get_score(i) for i in size], "token_type": kinds}
        write(f"{name}.expected.json", result)


def rank_files(text, lines):
    tokenizer = trained_bytes(text, size=800, pre=split(CL100K, "removed", True))
    data = json.loads(tokenizer.to_str())
    letters = {char: byte for byte, char in byte_alphabet().items()}
    ranks = {}
    for token, rank in data["model"]["vocab"].items():
        ranks[bytes(letters[char] for char in token)] = rank
    with open(FOLDER / "ranks.tiktoken", "w", encoding="ascii") as file:
        for token, rank in ranks.items():
            file.write(f"{base64.b64encode(token).decode()} {rank}\n")
    encoding = tiktoken.Encoding(
        "small", pat_str=CL100K, mergeable_ranks=ranks,
        special_tokens={"<s>": len(ranks), "</s>": len(ranks) + 1})
    rows = [encoding.encode(line, allowed_special="all") for line in lines]
    write("ranks.expected.json", expected(rows, [encoding.decode(row) for row in rows], lines))

    merges = [merge if isinstance(merge, str) else " ".join(merge)
              for merge in data["model"]["merges"]]
    write("trainer.json", trained_merges(text) | {"corpus": text})
    return merges


def trained_merges(text):
    """What the trainer of the package makes of the corpus, with and without limits."""
    result = {"cases": []}
    for size, frequency, limit in [(600, 0, None), (2000, 3, None), (500, 2, 60)]:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.train_from_iterator(text, trainers.BpeTrainer(
            vocab_size=size, min_frequency=frequency, show_progress=False,
            special_tokens=["<|endoftext|>"],
            initial_alphabet=[] if limit else pre_tokenizers.ByteLevel.alphabet(),
            **({"limit_alphabet": limit} if limit else {})))
        model = json.loads(tokenizer.to_str())["model"]
        tokens = sorted(model["vocab"], key=model["vocab"].get)
        result["cases"].append({
            "vocab_size": size, "min_frequency": frequency, "limit_alphabet": limit,
            "tokens": tokens,
            "merges": [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]})
    return result


def byte_alphabet():
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table = {byte: chr(byte) for byte in plain}
    for byte in range(256):
        if byte not in table:
            table[byte] = chr(256 + len(table) - len(plain))
    return table


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    lines, text = torture(), corpus()
    write("torture.json", lines)
    byte_level(text, lines)
    sentence_pieces(text, lines)
    unigrams(text, lines)
    word_pieces(text, lines)
    others(text, lines)
    components(lines)
    piece_models(lines)
    rank_files(text, lines)
    print(f"tokenizers {tokenizers.__version__}: {len(list(FOLDER.iterdir()))} files")


if __name__ == "__main__":
    main()
