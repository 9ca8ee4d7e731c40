"""Load an SAE through SAELens, from a local folder or the hub, and check what was read."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from app.errors import PreflightError, SaeError
from app.hashing import file_checksum
from app.records import SaeRecord
from app.sae.checksum import config_checksum, tensors_checksum
from app.sae.fold import Folded, fold
from app.sae.levels import find_widths

CONFIG_FILE = "cfg.json"
WEIGHTS_FILE = "sae_weights.safetensors"
SPARSIFY_WEIGHTS_FILE = "sae.safetensors"

REASON_LENGTH = 300
"""Characters kept of a library's message: torch lists every tensor that does not fit."""

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
        source: a folder in SAELens' or sparsify's format, `release:sae_id`, or `owner/repo:path`.
        name: to register it under; the source's last part, if None.
        widths: Matryoshka widths declared by the user, where the file has none.

    Raises:
        SaeError: it can't be found or read.
        PreflightError: it was read and is unusable.
    """
    refuse_unsafe_torch_load()
    path = Path(source)
    if path.is_dir():
        module, checksum, config = _load_folder(path)
    elif path.exists() or source.startswith((".", "/", "~")) or ":" not in source:
        raise SaeError(
            f"no such folder; expected a folder with {CONFIG_FILE}, or `release:sae_id` on the Hub", place=source
        )
    else:
        module, checksum, config = _load_hub(source)
    module.eval().requires_grad_(False)
    # Activations come flat, [n, d_in], also those of attention heads.
    module.turn_off_forward_pass_hook_z_reshaping()
    problems, notes = weight_problems(module)
    if problems:
        raise PreflightError(source, problems)
    where = str(path.resolve()) if path.is_dir() else source
    return _loaded(module, checksum, config, where, name or Path(where).name, widths, notes)


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
    notes: list[str] = []
    if module.cfg.architecture() in _UNSUPPORTED:
        problems.append(f"architecture {module.cfg.architecture()}: {_UNSUPPORTED[module.cfg.architecture()]}")
    for name, tensor in module.state_dict().items():
        if not tensor.is_floating_point():
            problems.append(f"{name} has dtype {tensor.dtype}; expected a floating-point one")
        elif n_bad := int((~torch.isfinite(tensor)).sum()):
            problems.append(f"{name} has {n_bad} values that are NaN or infinite; expected none")
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


def _load_folder(folder: Path) -> tuple[Any, str, dict[str, Any]]:
    """(SAELens module in float32, checksum of its weights file, its configuration)."""
    from sae_lens import SAE
    from sae_lens.loading.pretrained_sae_loaders import sae_lens_disk_loader, sparsify_disk_loader

    if not (folder / CONFIG_FILE).is_file():
        found = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
        raise SaeError(f"has no {CONFIG_FILE} (found {found}); expected a SAELens folder", place=folder)
    if (folder / WEIGHTS_FILE).is_file():
        weights, converter = folder / WEIGHTS_FILE, sae_lens_disk_loader
    elif (folder / SPARSIFY_WEIGHTS_FILE).is_file():
        weights, converter = folder / SPARSIFY_WEIGHTS_FILE, sparsify_disk_loader
    else:
        raise SaeError(f"has no {WEIGHTS_FILE}; expected a SAELens folder", place=folder)
    config = read_config(folder / CONFIG_FILE)
    if problems := _shape_problems(weights, config):
        raise PreflightError(str(folder), problems)
    try:
        module = SAE.load_from_disk(folder, device="cpu", dtype="float32", converter=converter)
    except Exception as error:
        raise SaeError("SAELens can't load it", place=folder, reason=_reason(error)) from error
    return module, file_checksum(weights), config


def _shape_problems(weights: Path, config: Mapping[str, Any]) -> list[str]:
    """Tensors whose shape is not the configuration's, one line each; SAELens' message would name them all."""
    try:
        with safe_open(weights, framework="pt") as handle:
            names = handle.keys()
            shapes = {name: list(handle.get_slice(name).get_shape()) for name in names}
    except (SafetensorError, OSError) as error:
        raise SaeError(
            "not a complete safetensors file; download it again", place=weights, reason=_reason(error)
        ) from error
    d_in, d_sae = config["d_in"], config.get("d_sae")
    expected = {
        "W_enc": [d_in, d_sae],
        "W_dec": [d_sae, config.get("d_out", d_in)],
        "b_enc": [d_sae],
        "b_dec": [config.get("d_out", d_in)],
        "threshold": [d_sae],
    }
    return [
        f"{name} has shape {shapes[name]}; {CONFIG_FILE} says {shape}"
        for name, shape in expected.items()
        if name in shapes and None not in shape and shapes[name] != shape
    ]


def read_config(path: Path) -> dict[str, Any]:
    """An SAE's configuration file.

    Raises:
        SaeError: it is not a JSON object, or does not describe an SAE.
    """
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SaeError(f"can't be read ({error.strerror})", place=path) from error
    except ValueError as error:
        raise SaeError("not JSON; expected an SAE configuration", place=path, reason=_reason(error)) from error
    if not isinstance(config, dict) or not isinstance(config.get("d_in"), int):
        raise SaeError("d_in is missing or not a number; expected an SAE configuration", place=path)
    return config


def _load_hub(source: str) -> tuple[Any, str, dict[str, Any]]:
    from sae_lens import SAE

    release, _, sae_id = source.partition(":")
    try:
        module = SAE.from_pretrained(release, sae_id, device="cpu", dtype="float32")
    except Exception as error:
        raise SaeError("SAELens can't load it from the Hub", place=source, reason=_reason(error)) from error
    return module, tensors_checksum(module.state_dict()), module.cfg.to_dict()


def _reason(error: Exception) -> str:
    """An error of a library in one line."""
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words[:REASON_LENGTH]}" if words else type(error).__name__


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
        model_name=metadata.get("model_name"),
        hook_name=metadata.get("hook_name"),
        matryoshka_widths=found,
        widths_source=widths_source,
        explained_variance=None,
        l0=None,
        notes=tuple(notes),
        config_checksum=config_checksum(config),
    )
    unit = decoder / np.where(norms > 0, norms, 1.0)[:, None]
    return LoadedSae(record, module, unit.astype(np.float32), norms, found or (record.d_sae,))
