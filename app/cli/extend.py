"""`hedgescope extend`: the control/extended pair of a trained SAE."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from app.cli.console import errors
from app.errors import SettingsError


def extend(
    sae: Annotated[str, typer.Option(help="Folder of a BatchTopK or Matryoshka SAE, as SAELens saves it.")],
    new_latents: Annotated[int, typer.Option(min=1, help="Number of new latents in the extended SAE.")],
    tokens: Annotated[int, typer.Option(min=1, help="Tokens to train each of the two SAEs on.")],
    out: Annotated[Path, typer.Option(help="Folder to write both SAEs to; must not exist yet.")],
    activations: Annotated[
        Path | None,
        typer.Option(help="Cached activations: a folder or a .safetensors file; made from --text if given."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Language model; default: the SAE's.")] = None,
    hook: Annotated[str | None, typer.Option(help="Where it reads; only for an SAE whose files do not say.")] = None,
    text: Annotated[str | None, typer.Option(help="Text to train on: .txt, .jsonl or a dataset.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Tokens per step.")] = 1024,
    lr: Annotated[float, typer.Option(help="Peak learning rate.")] = 6e-4,
    warm_up: Annotated[float, typer.Option(help="Fraction of steps over which the learning rate rises.")] = 0.05,
    decay: Annotated[float, typer.Option(help="Fraction of steps over which the learning rate decays.")] = 0.25,
    dead_after: Annotated[
        int | None,
        typer.Option(min=1, help="Tokens without firing before a latent counts as dead; default: a twentieth."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the new latents and the batch order.")] = 0,
    device: Annotated[str, typer.Option(help="Torch device to train on.")] = "cpu",
) -> None:
    """Continue training an SAE twice, as it is and with new latents: the pair that `hedgescope degree` compares."""
    from app.activations.cache import CachedActivations
    from app.training.extend import ExtensionPlan, save_pair
    from app.training.extend import extend as fit
    from app.training.start import load_start

    if activations is None and text is None:
        raise SettingsError("nothing to train on: give --activations, or --text for the SAE's model to read")
    if out.exists():
        raise SettingsError("already exists; choose another folder or delete it first", place=out)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    start = load_start(sae)
    record = start.loaded.record
    folder = _activations(activations, model or record.model_name, record.hook_name or hook, text)
    plan = ExtensionPlan(
        n_tokens=tokens,
        batch_size=batch_size,
        lr=lr,
        warm_up=warm_up,
        decay=decay,
        dead_after_tokens=dead_after or max(1, tokens // 20),
        seed=seed,
        n_new=new_latents,
    )
    pair = fit(start, plan, CachedActivations(folder, batch_size=batch_size, seed=seed), device=device)
    save_pair(pair, start, plan, out)
    if n_dead := pair.extended.n_new_dead:
        errors.print(f"{n_dead} of the {new_latents} new latents are dead: they still point at random", highlight=False)
    command = f"hedgescope degree --control {out / 'control'} --extended {out / 'extended'}"
    errors.print(f"saved {out}; compare the two with: {command}", highlight=False, soft_wrap=True)


def _activations(activations: Path | None, model: str | None, hook: str | None, text: str | None) -> Path:
    """Where the activations are, after the model has read the text where there is one."""
    from app.cli.train import cache_text
    from app.settings import load_settings

    if text is None and activations is not None:
        return activations
    if model is None or hook is None:
        missing = "model" if model is None else "hook"
        raise SettingsError(
            f"the SAE's files name no {missing}; give --{missing}, or activations that the model has made"
        )
    settings = load_settings()
    folder = activations or settings.data_dir / "activations" / hook
    if text is not None:
        cache_text(folder, settings.data_dir / "models", model, hook, text)
    return folder
