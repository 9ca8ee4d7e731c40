"""The checks of `hedgescope validate`, in the order of the page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CheckSpec:
    """One check.

    Attributes:
        name: for `--only`; also of its module in `app/lab/checks` and of its file in `docs/data/validation`.
        title: heading on the page.
        text: what is compared with what, in a few sentences.
        minutes: on two cores.
    """

    name: str
    title: str
    text: str
    minutes: int


CHECKS: tuple[CheckSpec, ...] = (
    CheckSpec(
        "copies",
        "Copies on a real model",
        "Latents of the comparison's reference are copied and scored against it, on the model's own activations. "
        "Nothing is mixed into a copy, so its score has to be 0.",
        8,
    ),
    CheckSpec(
        "grafts",
        "Grafts on a real model",
        "Rows of latents that fire together with a copy, or exclude it, are added to its decoder row or subtracted. "
        "The truth is 1 − cos² with the row before, and the partners are known.",
        8,
    ),
    CheckSpec(
        "planted",
        "Features planted in real activations",
        "Directions are added to the model's activations: parents with a child, features with a companion, features "
        "that exclude one another. A narrow SAE of 192 latents is trained on the result. The reference has a latent "
        "for each planted feature.",
        6,
    ),
    CheckSpec(
        "halves",
        "Two halves of the text",
        "The comparison's own narrow SAE is scored on the first half of the text and on the second.",
        3,
    ),
    CheckSpec(
        "resynthesis",
        "Inputs made of real firings",
        "Inputs are sums of the 1,024 most frequent latents of the reference, with the activations that they have on "
        "the text. A narrow SAE of 128 latents is trained on them and gets the least-squares decoder, of which every "
        "component is known.",
        5,
    ),
    CheckSpec(
        "null_saes",
        "SAEs that have learned nothing",
        "Random directions, a decoder frozen at random, and SAEs of the same model with random weights are scored as "
        "any comparison is (after arXiv 2602.14111). Their scores are set next to those of the comparison's narrow "
        "SAE and of one that was trained as briefly as they were.",
        6,
    ),
    CheckSpec(
        "worlds",
        "Worlds with known features",
        "Narrow and Matryoshka SAEs are trained on worlds of 48 to 72 known features. A latent is impure if more than "
        "a tenth of its squared decoder row lies outside its closest feature. Nothing was tuned on these worlds.",
        20,
    ),
    CheckSpec(
        "synth_bench",
        "SynthSAEBench at a sixteenth of its size",
        "A narrow SAE of 256 latents and a reference of 1,024 are trained on 1,024 synthetic features in 192 "
        "dimensions, with hierarchy and correlation (arXiv 2602.14687). What a decoder row holds is known: hedged "
        "mass lies on features whose firing depends on the own feature's. In a control world the same features fire "
        "as often, but each by itself: there is superposition, and nothing to hedge.",
        25,
    ),
    CheckSpec(
        "intervention",
        "What the intervention found",
        "The newest intervention stored with the comparison; one ships with the demo. Do pairs that the score names "
        "let go of each other when the partner gets a latent of its own, and does a latent's score predict what it "
        "lets go of in all?",
        1,
    ),
)

CHECKS_BY_NAME = {check.name: check for check in CHECKS}
