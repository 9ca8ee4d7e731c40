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
        "grafts",
        "Grafts on a real model",
        "Rows of latents that fire together with a copy, or exclude it, are added to its decoder row or subtracted. "
        "The truth is 1 − cos² with the row before, and the partners are known.",
        8,
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
