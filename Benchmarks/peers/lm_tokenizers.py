#!/usr/bin/env python3
"""Times the package tokenizers on one thread."""
import os

os.environ |= {"TOKENIZERS_PARALLELISM": "false", "RAYON_NUM_THREADS": "1"}

import harness

options = harness.flags("tokenizers")

import lm
from tokenizers import Tokenizer


class Pages:
    """The pages of the text, and what a vocabulary makes of them."""

    def __init__(self, file):
        self.tokenizer = Tokenizer.from_file(str(file))
        self.pages = lm.pages()
        self.rows = []

    def encode(self):
        self.rows = [self.tokenizer.encode(page, add_special_tokens=False).ids for page in self.pages]

    def decode(self):
        return [self.tokenizer.decode(row, skip_special_tokens=False) for row in self.rows]

    def notes(self):
        return {"ids": lm.digest(self.rows)}


cases = {}
for file in sorted(lm.VOCABULARIES.glob("*.json")):
    for name, metric, value in lm.tokenizer_cases(file.stem):
        state = {}

        def make(file=file, kind=name.split("_")[1], state=state):
            if kind == "load":
                return lambda: Tokenizer.from_file(str(file))
            state["pages"] = pages = Pages(file)
            pages.encode()
            return pages.encode if kind == "encode" else pages.decode

        def notes(state=state):
            return state["pages"].notes() if state else {}

        cases[name] = metric, value, make, notes

harness.run(options, cases)
