#!/bin/sh
# Trains two more references like the demo's, from other seeds on the same activations: how far does a score depend on
# which reference one happens to have? Run after demo/train.sh, which leaves the activations, and after `hedgescope demo`,
# from the repository's root. An hour each on two cores; TOKENS=400000 stops sooner.
set -eu

for seed in 1 2; do
    hedgescope train --activations data/activations/train \
        --architecture matryoshka-batchtopk --d-sae 4096 --widths 128,512,2048,4096 --k 32 --dtype float16 \
        --seed $seed ${TOKENS:+--tokens "$TOKENS"} --out data/references/seed-$seed
    hedgescope compare --narrow demo-narrow --reference data/references/seed-$seed --tokens 65536 --name seed-$seed
done
echo "the two comparisons latent by latent: /diff/ with both slugs, after hedgescope serve"
