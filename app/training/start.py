"""A saved SAE as the start of more training."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import torch

from app.errors import SaeError
from app.sae.load import LoadedSae, load_sae

TRAINABLE = ("batchtopk", "matryoshka_batchtopk", "balanced_matryoshka_batchtopk")
"""Training architectures that a saved SAE says all about: its weights, one threshold, and k."""

NORM_TOLERANCE = 0.01
"""Decoder rows are saved at unit norm; float16 keeps that to 0.001."""

MIN_NORM = 0.01
"""Of a latent's weights in training, for one whose encoder is all zero: a zero row has no direction."""


@dataclass(frozen=True)
class Start:
    """The state that training continues from.

    Attributes:
        loaded: the SAE as it was read.
        architecture: what it was trained as, one of `TRAINABLE`.
        details: the training configuration its metadata keep, such as `k` and `matryoshka_widths`.
        threshold: of its JumpReLU, the same for all latents.
    """

    loaded: LoadedSae
    architecture: str
    details: dict[str, Any]
    threshold: float

    @property
    def d_sae(self) -> int:
        """Number of latents."""
        return self.loaded.d_sae


def load_start(source: str) -> Start:
    """Read an SAE that training can continue from: BatchTopK, Matryoshka or balanced Matryoshka.

    These are saved as JumpReLU SAEs with one threshold for all latents, and their metadata keep how
    they were trained. Training continues as before, with the k of the metadata.

    Raises:
        SaeError: it can't be read, or training can't continue from it; the message says why.
    """
    loaded = load_sae(source)
    metadata = loaded.module.cfg.metadata.to_dict()
    details = dict(metadata.get("training_architecture_details") or {})
    if problem := _why_not(loaded, metadata.get("training_architecture"), details):
        raise SaeError(f"training can't continue from it: {problem}", place=source)
    threshold = float(loaded.module.threshold[0])
    return Start(loaded, metadata["training_architecture"], details, threshold)


def _why_not(loaded: LoadedSae, trained_as: str | None, details: dict[str, Any]) -> str | None:
    config = loaded.module.cfg
    if loaded.record.architecture != "jumprelu":
        return f"it is a {loaded.record.architecture} SAE; expected a BatchTopK SAE, which SAELens saves as jumprelu"
    if trained_as not in TRAINABLE:
        said = "do not say what it was trained as" if trained_as is None else f"say it was trained as {trained_as}"
        return f"its metadata {said}; expected one of {', '.join(TRAINABLE)}"
    if not isinstance(details.get("k"), int | float) or details["k"] <= 0:
        return "its metadata lack k, the number of active latents per token; expected training_architecture_details"
    if trained_as != "batchtopk" and loaded.record.widths_source is None:
        return "its metadata lack its Matryoshka widths"
    if details.get("rescale_acts_by_decoder_norm") is False:
        return "its latents were chosen by activations without decoder norms, which unit decoder rows no longer show"
    if config.normalize_activations != "none":
        return f"it normalises activations ({config.normalize_activations}); expected the scale folded into its weights"
    threshold = loaded.module.threshold
    if float(threshold.min()) != float(threshold.max()):
        return "its thresholds differ between latents; a BatchTopK SAE has one for all latents"
    if abs(loaded.decoder_norms - 1).max() > NORM_TOLERANCE:
        return "its decoder rows are not of unit norm; SAELens saves BatchTopK SAEs with unit rows"
    return None


def training_sae(start: Start, *, scale: float, n_new: int = 0, device: str = "cpu") -> Any:
    """A SAELens training SAE that encodes as the saved one, with `n_new` latents more.

    Its weights are for activations times `scale`. Norms that saving folded away are given back:
    what a latent computes fixes only the product of its encoder's and decoder's norms, and training
    that starts with both equal, as SAELens does, keeps them about equal. New latents are as SAELens
    initialises them, and join the outermost level of a Matryoshka SAE.
    """
    sae = _new(start, n_new, device)
    state = start.loaded.module.state_dict()
    decoder_norms = state["W_dec"].norm(dim=1)
    encoder, bias = state["W_enc"] * decoder_norms, state["b_enc"] * decoder_norms * scale
    norms = (encoder.square().sum(dim=0) + bias.square()).pow(0.25).clamp_min(MIN_NORM)
    n = start.d_sae
    with torch.no_grad():
        sae.W_dec[:n] = state["W_dec"] / decoder_norms[:, None] * norms[:, None]
        sae.W_enc[:, :n] = encoder / norms
        sae.b_enc[:n] = bias / norms
        sae.b_dec.copy_(state["b_dec"] * scale)
        sae.topk_threshold.fill_(start.threshold * scale)
    return sae


def _new(start: Start, n_new: int, device: str) -> Any:
    from sae_lens.registry import get_sae_training_class
    from sae_lens.saes.sae import SAEMetadata

    import app.training.balanced  # noqa: F401  (SAELens knows the class once it is imported)

    sae_class, config_class = get_sae_training_class(start.architecture)
    known = {field.name for field in fields(config_class)}
    details = {name: value for name, value in start.details.items() if name in known}
    if "matryoshka_widths" in known:
        details["matryoshka_widths"] = [*start.loaded.whole_levels[:-1], start.d_sae + n_new]
    metadata = start.loaded.module.cfg.metadata
    kept = {name: metadata[name] for name in ("model_name", "hook_name", "model_class_name") if name in metadata}
    config = config_class(
        **details,
        d_in=start.loaded.record.d_in,
        d_sae=start.d_sae + n_new,
        device=device,
        apply_b_dec_to_input=start.loaded.module.cfg.apply_b_dec_to_input,
        normalize_activations="expected_average_only_in",
        metadata=SAEMetadata(**kept),
    )
    return sae_class(config)
