"""`hedgescope compare`: one comparison."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.console import errors, output, stages
from app.errors import SettingsError

if TYPE_CHECKING:
    from app.records import ComparisonSummary
    from app.settings import Settings


class Engine(StrEnum):
    """What runs the shards."""

    local = "local"
    ray = "ray"


class Dtype(StrEnum):
    """What the language model computes in."""

    float32 = "float32"
    bfloat16 = "bfloat16"


def compare(
    narrow: Annotated[
        list[str],
        typer.Option(help="SAE under examination: registered name, path, or name@width. Several share one model pass."),
    ],
    reference: Annotated[str, typer.Option(help="SAE it is compared with: Matryoshka or wider.")],
    model: Annotated[str | None, typer.Option(help="Language model; default: the narrow SAE's.")] = None,
    text: Annotated[str | None, typer.Option(help="Text: .txt, .jsonl or a dataset; default: the bundled one.")] = None,
    tokens: Annotated[int | None, typer.Option(min=1, help="Scored tokens to stop after; default: all.")] = None,
    activations: Annotated[
        str | None, typer.Option(help="Activations [n_tokens, d_in] instead of model and text.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name part of the comparison's slug; for one --narrow.")] = None,
    engine: Annotated[Engine | None, typer.Option(help="What runs the shards; default: the settings'.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:N or auto; default: the settings'.")] = None,
    dtype: Annotated[
        Dtype, typer.Option(help="Of the model's forward pass; bfloat16 is quicker on some processors and less exact.")
    ] = Dtype.float32,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a comparison on stdout, each on its line.")
    ] = False,
) -> None:
    """Score one or more narrow SAEs against a reference SAE and store the comparisons."""
    from app.cli.store import open_store
    from app.pipeline.open import resources_of, shelf_of
    from app.pipeline.run import run_several
    from app.pipeline.source import Request
    from app.settings import load_settings

    if activations is not None and (model is not None or text is not None):
        raise SettingsError("--activations stands instead of --model and --text; give one or the other")
    if activations is not None and dtype is not Dtype.float32:
        raise SettingsError("--dtype is the language model's, and --activations runs none; leave it out")
    if name is not None and len(narrow) > 1:
        raise SettingsError(
            f"--name is for one comparison, but --narrow is given {len(narrow)} times; leave out --name"
        )
    settings = load_settings(engine=engine, device=device)
    store = open_store(settings)
    means, models = resources_of(settings), shelf_of(settings)
    requests = [Request(each, reference, model, text, tokens, activations, name, dtype.value) for each in narrow]
    with stages() as progress:
        summaries = list(run_several(store, settings.data_dir, requests, progress, models, means))
    for summary in summaries:
        _tell(summary, settings, json)


def _tell(summary: ComparisonSummary, settings: Settings, json: bool) -> None:
    from app.cli.serve import url_of

    url = f"{url_of(settings.host, settings.port)}/c/{summary.slug}"
    if json:
        import orjson

        from app.web.shared.redact import public_summary

        typer.echo(orjson.dumps({"slug": summary.slug, "url": url, "summary": public_summary(summary)}).decode())
        return
    errors.print(f"{summary.n_hedged} of {summary.n_scored} scored latents are hedged", highlight=False)
    output.print(f"{summary.slug}\n{url} (after `hedgescope serve`)", highlight=False, soft_wrap=True)
