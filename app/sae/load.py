"""Load an SAE, from a local folder or the hub, and check what was read."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.errors import PreflightError, SaeError
from app.hashing import file_checksum
from app.records import SaeRecord
from app.sae.checksum import config_checksum
from app.sae.fold import Folded, fold
from app.sae.formats import saelens
from app.sae.formats.checks import config_problems, folding_problem, norm_notes
from app.sae.formats.find import find_reader, read
from app.sae.formats.raw import RawSae, one_line
from app.sae.habits import habits_of
from app.sae.hub import fetched, load_release
from app.sae.levels import find_widths
from app.sae.training_facts import neuronpedia_id, training_facts

LARGEST = 1e12
"""Beyond it, products of weights overflow."""

_UNSUPPORTED = {
    "abstopk": "its activations can be negative, but co-firing is defined only for positive ones",
    "transcoder": "it reads one hook and writes another; an SAE was expected",
    "skip_transcoder": "it reads one hook and writes another; an SAE was expected",
    "jumprelu_transcoder": "it reads one hook and writes another; an SAE was expected",
    "jumprelu_skip_transcoder": "it reads one hook and writes another; an SAE was expected",
    "temporal": "its activations depend on earlier tokens of the row, but tokens are encoded one by one here",
}
"""SAELens architectures that can't be scored, and why."""


@dataclass(frozen=True)
class LoadedSae:
    """An SAE ready to encode, in float32.

    Attributes:
        record: what it is; its `d_sae` is the prefix width for a `name@width` SAE.
        module: the SAELens module, whole, in evaluation mode.
        unit_decoder: `[d_sae, d_in]` float32 decoder rows at unit norm (zero rows stay zero).
        decoder_norms: `[d_sae]` float32; activations are multiplied by them, so that a latent's
            activation is the length of what it adds to the reconstruction.
        whole_levels: prefix widths of the whole SAE, innermost first; its width alone for a plain SAE.
    """

    record: SaeRecord
    module: Any
    unit_decoder: NDArray[np.float32]
    decoder_norms: NDArray[np.float32]
    whole_levels: tuple[int, ...]

    @property
    def d_sae(self) -> int:
        """Number of latents in use."""
        return self.record.d_sae

    @property
    def levels(self) -> tuple[int, ...]:
        """Prefix widths in use, innermost first."""
        return tuple(width for width in self.whole_levels if width <= self.d_sae)

    @cached_property
    def folded(self) -> Folded | None:
        """The whole SAE's encoder in one product; None where SAELens' own has to be used."""
        return fold(self.module)

    @cached_property
    def whole_norms(self) -> NDArray[np.float32]:
        """`[module's d_sae]` decoder norms of the whole SAE, those behind a prefix included."""
        norms: NDArray[np.float32] = self.module.W_dec.detach().norm(dim=1).numpy()
        return norms

    @property
    def shard_key(self) -> str:
        """Name of this SAE's shards. A prefix shares the whole SAE's: its latents are the first ones."""
        widths = "-".join(map(str, self.whole_levels))
        return f"{self.record.checksum[:16]}-{self.record.config_checksum[:8]}-{widths}"


def load_sae(source: str, *, name: str | None = None, widths: Sequence[int] | None = None) -> LoadedSae:
    """Load and check an SAE.

    Args:
        source: a folder or file in one of the formats of `app.sae.formats`, `owner/repo[:path][@revision]` on the Hub,
            or `release:sae_id` of SAELens.
        name: to register it under; the source's last part, if None.
        widths: Matryoshka widths declared by the user, where the file has none.

    Raises:
        SaeError: it can't be found or read.
        PreflightError: it was read and is unusable.
    """
    refuse_unsafe_torch_load()
    path = Path(source).expanduser()
    is_local = path.exists()
    part = path if is_local else fetched(source)
    if part is None:
        notes: list[str] = []
        module, checksum, config = load_release(source)
    else:
        folder, reader = find_reader(part)
        raw = read(folder, reader)
        module, checksum, config, notes = build(raw, folder), file_checksum(raw.weights), raw.config, list(raw.notes)
    where = str(folder.resolve()) if is_local else source
    module.eval().requires_grad_(False)
    # Activations come flat, [n, d_in], also those of attention heads.
    module.turn_off_forward_pass_hook_z_reshaping()
    problems, more = weight_problems(module)
    if problems:
        raise PreflightError(source, problems)
    _try(module, source)
    return _loaded(module, checksum, config, where, name or Path(where).name, widths, [*notes, *more])


def prefix(loaded: LoadedSae, width: int) -> LoadedSae:
    """The inner levels of a Matryoshka SAE as a narrow SAE of their own (`name@width`).

    Raises:
        SaeError: the SAE has no level of this width.
    """
    if width not in loaded.levels:
        raise SaeError(f"{loaded.record.name}@{width}: no such prefix; widths are {', '.join(map(str, loaded.levels))}")
    levels = tuple(level for level in loaded.levels if level <= width)
    record = replace(
        loaded.record,
        name=f"{loaded.record.name}@{width}",
        d_sae=width,
        matryoshka_widths=levels,
        explained_variance=None,
        l0=None,
    )
    return replace(
        loaded,
        record=record,
        unit_decoder=loaded.unit_decoder[:width],
        decoder_norms=loaded.decoder_norms[:width],
    )


def weight_problems(module: Any) -> tuple[list[str], list[str]]:
    """(what makes an SAE unusable, what is worth a note), one line each."""
    problems: list[str] = []
    normalize = module.cfg.normalize_activations
    notes: list[str] = norm_notes(normalize)
    if unfolded := folding_problem(normalize):
        problems.append(unfolded)
    if module.cfg.architecture() in _UNSUPPORTED:
        problems.append(f"architecture {module.cfg.architecture()}: {_UNSUPPORTED[module.cfg.architecture()]}")
    for name, tensor in module.state_dict().items():
        if not tensor.is_floating_point():
            problems.append(f"{name} has dtype {tensor.dtype}; expected a floating-point one")
        elif n_bad := int((~torch.isfinite(tensor)).sum()):
            problems.append(f"{name} has {n_bad} values that are NaN or infinite; expected none")
        elif tensor.numel() and (largest := float(tensor.abs().max())) > LARGEST:
            problems.append(f"{name} has values up to {largest:.0e}; its file is damaged, download it again")
    if not problems:
        n_zero = int((module.W_dec.norm(dim=1) == 0).sum())
        if n_zero == len(module.W_dec):
            problems.append("all decoder rows are zero")
        elif n_zero:
            notes.append(f"{n_zero} of {len(module.W_dec)} decoder rows are zero: these latents count as dead")
    return problems, notes


def refuse_unsafe_torch_load() -> None:
    """Refuse to load weights while torch's protection against code in them is switched off. Raises SaeError."""
    if os.environ.get("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"):
        raise SaeError(
            "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD is set: a weight file could run code; unset it and run the command again"
        )


def build(raw: RawSae, place: Path) -> Any:
    """The SAELens module of what a reader found, in float32.

    Raises:
        SaeError: SAELens can't make it of that.
        PreflightError: what would run is not what its configuration says.
    """
    from sae_lens import SAE

    if problems := config_problems(raw.config, raw.tensors, saelens.has_scaler(place)):
        raise PreflightError(str(place), problems)

    def given(_path: Any, device: str, cfg_overrides: Any) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
        config = {**raw.config, "device": device, **(cfg_overrides or {})}
        return config, {name: tensor.contiguous() for name, tensor in raw.tensors.items() if name != "scaling_factor"}

    try:
        with warnings.catch_warnings():
            # What it warns of is a note of the SAE.
            warnings.simplefilter("ignore")
            module: Any = SAE.load_from_disk(place, device="cpu", dtype="float32", converter=given)
            if saelens.has_scaler(place):
                saelens.fold_scaler(module, place)
    except Exception as error:
        raise SaeError("SAELens can't load it", place=place, reason=one_line(error)) from error
    return module


@torch.no_grad()
def _try(module: Any, source: str) -> None:
    """Encode a token. Raises SaeError for a configuration that SAELens takes but can't run."""
    try:
        module.decode(module.encode(torch.zeros(1, int(module.cfg.d_in))))
    except Exception as error:
        raise SaeError("SAELens can't run it", place=source, reason=one_line(error)) from error


def _with(name: Any, suffix: str) -> str | None:
    """A name with what stands behind it; None where the metadata name none."""
    return f"{name}{suffix}" if isinstance(name, str) and name else None


def _loaded(
    module: Any,
    checksum: str,
    config: dict[str, Any],
    source: str,
    name: str,
    widths: Sequence[int] | None,
    notes: list[str],
) -> LoadedSae:
    metadata = module.cfg.metadata.to_dict()
    habits = habits_of(metadata)
    if habits.problems:
        raise PreflightError(source, habits.problems)
    notes = [*notes, *habits.notes]
    found, widths_source = find_widths(metadata, widths, int(module.cfg.d_sae))
    trained_as = metadata.get("training_architecture")
    if found is None and "matryoshka" in str(trained_as):
        notes = [*notes, "trained as a Matryoshka SAE, but its widths are not in the file; declare them"]
    decoder = module.W_dec.detach().float().numpy()
    norms = np.linalg.norm(decoder, axis=1).astype(np.float32)
    record = SaeRecord(
        name=name,
        checksum=checksum,
        source=source,
        architecture=module.cfg.architecture(),
        training_architecture=trained_as,
        d_in=int(module.cfg.d_in),
        d_sae=int(module.cfg.d_sae),
        dtype=str(config.get("dtype", "float32")),
        model_name=_with(metadata.get("model_name"), f"@{habits.revision}" if habits.revision else ""),
        hook_name=_with(metadata.get("hook_name"), habits.suffix),
        matryoshka_widths=found,
        widths_source=widths_source,
        explained_variance=None,
        l0=None,
        notes=tuple(notes),
        config_checksum=config_checksum(config),
        context_length=habits.context_length,
        bos=habits.bos,
        positions=habits.positions,
        neuronpedia_id=neuronpedia_id(metadata),
        training=training_facts(metadata),
    )
    unit = decoder / np.where(norms > 0, norms, 1.0)[:, None]
    return LoadedSae(record, module, unit.astype(np.float32), norms, found or (record.d_sae,))
