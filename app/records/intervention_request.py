"""What an intervention is requested by; see `app.records.request`."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.errors import RequestError
from app.records.request_fields import MAX_TOKENS, MAX_WIDTH, TEXT, options_of


@dataclass(frozen=True)
class InterventionRequest:
    """A randomised intervention on a stored comparison.

    Raises:
        RequestError: a field is invalid, or does not go with another one.
    """

    comparison: str = field(
        metadata={**TEXT, "title": "Comparison", "description": "Slug, or name, of a stored comparison."}
    )
    runs: int = field(
        default=8,
        metadata={
            "ge": 2,
            "le": 1000,
            "title": "Runs",
            "description": "Extended SAEs to train, an even number: each random half of the candidates, and the other.",
        },
    )
    add: int | None = field(
        default=None,
        metadata={
            "ge": 1,
            "le": MAX_WIDTH,
            "title": "Added latents",
            "description": "Reference latents that each run adds; by default up to 128.",
        },
    )
    tokens: int = field(
        default=400_000,
        metadata={"ge": 1, "le": MAX_TOKENS, "title": "Tokens", "description": "Tokens of each training."},
    )
    activations: str | None = field(
        default=None,
        metadata={
            **TEXT,
            "title": "Cached activations",
            "description": "Folder or .safetensors file of activations to train on; by default the comparison's model "
            "reads a text.",
        },
    )
    text: str | None = field(
        default=None,
        metadata={**TEXT, "title": "Text", "description": "Text for the model to read; by default the comparison's."},
    )
    batch_size: int = field(
        default=1024, metadata={"ge": 1, "le": 10**7, "title": "Batch size", "description": "Tokens a step."}
    )
    lr: float = field(default=3e-4, metadata={"gt": 0, "title": "Learning rate", "description": "Peak learning rate."})
    seed: int = field(
        default=0,
        metadata={"ge": 0, "le": 2**31 - 1, "title": "Seed", "description": "Of the splits and the batch orders."},
    )
    hold_budget: bool = field(
        default=False,
        metadata={
            "title": "Hold the budget",
            "description": "Keep k, instead of growing it by the firings of the added latents.",
        },
    )

    def __post_init__(self) -> None:
        if self.runs < 2 or self.runs % 2:
            raise RequestError(
                f"runs is {self.runs}; expected an even number, since each split is run with its other half",
                field="runs",
            )
        if not self.lr > 0:
            raise RequestError(f"lr is {self.lr}; expected a number above 0", field="lr")
        if self.tokens < self.batch_size:
            raise RequestError(
                f"tokens is {self.tokens}; expected at least one batch of {self.batch_size}: give more, or a smaller "
                "batch",
                field="tokens",
            )
        if self.activations is not None and self.text is not None:
            raise RequestError("activations replace the text; give one or the other", field="activations")

    @property
    def command(self) -> list[str]:
        """The command line that repeats it."""
        return ["hedgescope", "intervene", *options_of(self)]
