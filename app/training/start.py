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

    @property
    def k(self) -> float:
        """Active latents a token, on average over a batch."""
        return float(self.details["k"])


def load_start(source: str) -> Start:
    """Read an SAE that training can continue from: BatchTopK, Matryoshka or balanced Matryoshka.

    Raises:
        SaeError: it can't be read, or training can't continue from it; the message says why.
    """
    return start_of(load_sae(source), source)


def start_of(loaded: LoadedSae, source: str, *, k: float | None = None) -> Start:
    """The start of a loaded SAE, or of a prefix of a Matryoshka SAE.

    BatchTopK, Matryoshka and balanced Matryoshka SAEs are saved as JumpReLU SAEs with one threshold
    for all latents, and their metadata keep how they were trained. Training continues as before,
    with the k of the metadata.

    Args:
        source: how to name it in messages.
        k: active latents a token, instead of the metadata's: those of a prefix, which only the data show.

    Raises:
        SaeError: training can't continue from it; the message says why.
    """
    metadata = loaded.module.cfg.metadata.to_dict()
    details = dict(metadata.get("training_architecture_details") or {})
    if problem := _why_not(loaded, metadata.get("training_architecture"), details):
        raise SaeError(f"training can't continue from it: {problem}", place=source)
    if k is not None:
        details["k"] = k
    if details.get("matryoshka_multipliers"):
        details["matryoshka_multipliers"] = details["matryoshka_multipliers"][: len(loaded.levels)]
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


@dataclass(frozen=True)
class Addition:
    """Latents to add to an SAE, as they read raw activations and with unit decoder rows.

    Attributes:
        decoder: `[N, d_in]`; encoder: `[d_in, N]`; bias: `[N]`, as the extended SAE's own `b_enc`.
    """

    decoder: torch.Tensor
    encoder: torch.Tensor
    bias: torch.Tensor

    def __len__(self) -> int:
        return len(self.decoder)


def training_sae(
    start: Start,
    *,
    scale: float,
    n_new: int = 0,
    added: Addition | None = None,
    k: float | None = None,
    device: str = "cpu",
) -> Any:
    """A SAELens training SAE that encodes as the saved one, with more latents.

    Its weights are for activations times `scale`. Norms that saving folded away are given back:
    what a latent computes fixes only the product of its encoder's and decoder's norms, and training
    that starts with both equal, as SAELens does, keeps them about equal. New latents join the
    outermost level of a Matryoshka SAE.

    Args:
        n_new: new latents as SAELens initialises them.
        added: new latents with given weights, instead.
        k: active latents a token; those of the start, if None.
    """
    n, state = start.d_sae, start.loaded.module.state_dict()
    sae = _new(start, n_new if added is None else len(added), start.details["k"] if k is None else k, device)
    decoder_norms = state["W_dec"].norm(dim=1)
    own = Addition(
        state["W_dec"][:n] / decoder_norms[:n, None],
        state["W_enc"][:, :n] * decoder_norms[:n],
        state["b_enc"][:n] * decoder_norms[:n],
    )
    with torch.no_grad():
        _give(sae, slice(n), own, scale)
        if added is not None:
            _give(sae, slice(n, None), added, scale)
        sae.b_dec.copy_(state["b_dec"] * scale)
        sae.topk_threshold.fill_(start.threshold * scale)
    return sae


def _give(sae: Any, where: slice, weights: Addition, scale: float) -> None:
    """Write latents' weights for scaled activations into an SAE, encoder and decoder of equal norm."""
    bias = weights.bias * scale
    norms = (weights.encoder.square().sum(dim=0) + bias.square()).pow(0.25).clamp_min(MIN_NORM)
    sae.W_dec[where] = (weights.decoder * norms[:, None]).to(sae.device)
    sae.W_enc[:, where] = (weights.encoder / norms).to(sae.device)
    sae.b_enc[where] = (bias / norms).to(sae.device)


def _new(start: Start, n_new: int, k: float, device: str) -> Any:
    from sae_lens.registry import get_sae_training_class
    from sae_lens.saes.sae import SAEMetadata

    import app.training.balanced  # noqa: F401  (SAELens knows the class once it is imported)

    sae_class, config_class = get_sae_training_class(start.architecture)
    known = {field.name for field in fields(config_class)}
    details = {name: value for name, value in start.details.items() if name in known} | {"k": k}
    if "matryoshka_widths" in known:
        details["matryoshka_widths"] = [*start.loaded.levels[:-1], start.d_sae + n_new]
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
