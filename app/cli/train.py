"""`hedgescope train`: narrow, Matryoshka and balanced Matryoshka SAEs on a language model's activations."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Literal

import typer

from app.cli.console import errors, stages
from app.errors import SettingsError

BALANCED = "balanced-matryoshka"
ARCHITECTURES = ("batchtopk", "matryoshka-batchtopk", BALANCED)


def train(
    out: Annotated[Path, typer.Option(help="Folder to write the SAE to; must not exist yet.")],
    architecture: Annotated[
        str, typer.Option(help="batchtopk (narrow), matryoshka-batchtopk or balanced-matryoshka.")
    ] = "batchtopk",
    d_sae: Annotated[int, typer.Option(min=1, help="Number of latents.")] = 512,
    widths: Annotated[str | None, typer.Option(help="Matryoshka prefix widths, e.g. 128,512,2048,4096.")] = None,
    multiplier: Annotated[float | None, typer.Option(min=0, help="For balanced-matryoshka; default: 0.75.")] = None,
    k: Annotated[float, typer.Option(min=1, help="Average number of active latents per token.")] = 32,
    model: Annotated[str, typer.Option(help="Language model.")] = "SmolLM2-135M-Instruct",
    hook: Annotated[str, typer.Option(help="Hook point.")] = "model.layers.8",
    text: Annotated[str | None, typer.Option(help="Text to train on: .txt, .jsonl or a dataset.")] = None,
    activations: Annotated[Path | None, typer.Option(help="Folder of cached activations; made if missing.")] = None,
    tokens: Annotated[int | None, typer.Option(min=1, help="Training tokens; default: the text once.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Tokens per step.")] = 1024,
    lr: Annotated[float, typer.Option(help="Peak learning rate.")] = 6e-4,
    warm_up: Annotated[float, typer.Option(help="Fraction of steps over which the learning rate rises.")] = 0.05,
    decay: Annotated[float, typer.Option(help="Fraction of steps over which the learning rate decays.")] = 0.25,
    aux_loss_coefficient: Annotated[float, typer.Option(help="Weight of the loss that revives dead latents.")] = 1.0,
    dead_after: Annotated[int, typer.Option(help="Tokens without firing before a latent counts as dead.")] = 100_000,
    seed: Annotated[int, typer.Option(help="Seed of initialisation and batch order.")] = 0,
    dtype: Annotated[Literal["float32", "float16"], typer.Option(help="Precision of the saved weights.")] = "float32",
    device: Annotated[str, typer.Option(help="Torch device to train on.")] = "cpu",
) -> None:
    """Train an SAE with SAELens and save it in SAELens' format."""
    from app.activations.cache import CachedActivations
    from app.cli.sae import parse_widths
    from app.settings import load_settings
    from app.training.train import DEFAULT_MULTIPLIER, TrainingPlan, save
    from app.training.train import train as fit

    _check(architecture, widths, multiplier, out)
    if architecture == BALANCED and multiplier is None:
        multiplier = DEFAULT_MULTIPLIER
    settings = load_settings()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    folder = activations or settings.data_dir / "activations" / hook
    if text is not None:
        cache_text(folder, settings.data_dir / "models", model, hook, text)
    stream = CachedActivations(folder, batch_size=batch_size, seed=seed)
    plan = TrainingPlan(
        architecture=architecture,  # type: ignore[arg-type]
        d_sae=d_sae,
        matryoshka_widths=tuple(parse_widths(widths) or ()),
        k=k,
        n_tokens=tokens or stream.n_tokens,
        batch_size=batch_size,
        lr=lr,
        warm_up=warm_up,
        decay=decay,
        aux_loss_coefficient=aux_loss_coefficient,
        dead_after_tokens=dead_after,
        model_name=model,
        hook_name=hook,
        seed=seed,
        multiplier=multiplier,
    )
    save(fit(plan, stream, device=device), plan, out, dtype=dtype)
    errors.print(f"saved {out}; register it with: hedgescope sae add {out}", highlight=False, soft_wrap=True)


def _check(architecture: str, widths: str | None, multiplier: float | None, out: Path) -> None:
    """Refuse options that do not go together, or an existing folder, before hours are spent."""
    if architecture not in ARCHITECTURES:
        raise SettingsError(f"architecture {architecture!r}: expected {', '.join(ARCHITECTURES)}")
    if (architecture == "batchtopk") != (widths is None):
        raise SettingsError("--widths belongs to the Matryoshka architectures, and only to them")
    if architecture != BALANCED and multiplier is not None:
        raise SettingsError("--multiplier belongs to balanced-matryoshka, and only to it")
    if out.exists():
        raise SettingsError("already exists; choose another folder or delete it first", place=out)


def cache_text(folder: Path, models_dir: Path, model: str, hook: str, text: str) -> None:
    """Run the model over the text once; existing activations are not computed again."""
    from app.activations.cache import cache_activations
    from app.activations.language_model import load_language_model
    from app.activations.text import read_text
    from app.activations.tokenize import tokenize

    language_model = load_language_model(model, cache_dir=models_dir)
    rows = tokenize(read_text(text), language_model.tokenizer)
    with stages() as progress:
        advance = progress("activations", rows.n_kept, "tokens")
        cache_activations(language_model, rows, hook, folder, progress=advance)
