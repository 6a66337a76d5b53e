#!/usr/bin/env python3
"""Times language models in llama.cpp, as the package llama-cpp-python builds it."""
import harness

options = harness.flags("llamacpp")

import lm
import llama_cpp
import numpy as np


class Model:
    def __init__(self, file):
        self.llama = llama_cpp.Llama(
            str(file), n_ctx=1024, n_batch=512, n_ubatch=512, n_threads=options.threads,
            n_threads_batch=options.threads, verbose=False)

    def likeliest(self):
        logits = llama_cpp.llama_get_logits_ith(self.llama.ctx, -1)
        return int(np.ctypeslib.as_array(logits, (self.llama.n_vocab(),)).argmax())

    def read(self, tokens):
        self.llama.reset()
        self.llama.eval(tokens)
        return self.likeliest()

    def next(self, token):
        self.llama.eval([token])
        return self.likeliest()

    def take_back(self, count):
        self.llama.n_tokens -= count


files = {file.stem: file for file in sorted(lm.FOLDER.glob("*.gguf"))}
harness.run(options, lm.cases({label: lambda file=file: Model(file) for label, file in files.items()}))
