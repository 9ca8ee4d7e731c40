"""`hedgescope compare`: one comparison."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from app.cli.console import errors, output, stages
from app.cli.options import field_option
from app.errors import SettingsError
from app.records.request import ComparisonRequest, Dtype

if TYPE_CHECKING:
    from app.records import ComparisonSummary
    from app.settings import Settings


ExecutorName = Literal["local", "ray"]


def compare(
    narrow: Annotated[
        list[str],
        field_option(ComparisonRequest, "narrow", "May be a path. Repeat the option to share one model pass."),
    ],
    reference: Annotated[str, field_option(ComparisonRequest, "reference", "May be a path.")],
    model: Annotated[str | None, field_option(ComparisonRequest, "model")] = None,
    hook: Annotated[str | None, field_option(ComparisonRequest, "hook")] = None,
    text: Annotated[str | None, field_option(ComparisonRequest, "text")] = None,
    tokens: Annotated[int | None, field_option(ComparisonRequest, "tokens")] = None,
    activations: Annotated[str | None, field_option(ComparisonRequest, "activations")] = None,
    name: Annotated[str | None, field_option(ComparisonRequest, "name", "For a single --narrow only.")] = None,
    engine: Annotated[
        ExecutorName | None, typer.Option(help="What runs the shards; by default as in the settings.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda, cuda:N or auto; by default as in the settings.")
    ] = None,
    dtype: Annotated[Dtype, field_option(ComparisonRequest, "dtype")] = "float32",
    context_length: Annotated[int | None, field_option(ComparisonRequest, "context_length")] = None,
    bos: Annotated[bool | None, field_option(ComparisonRequest, "bos")] = None,
    control_tokens: Annotated[bool, field_option(ComparisonRequest, "control_tokens")] = False,
    allow_mismatch: Annotated[bool, field_option(ComparisonRequest, "allow_mismatch")] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per comparison on stdout, one per line.")
    ] = False,
) -> None:
    """Score one or more narrow SAEs against a reference SAE and store the comparisons."""
    from app.cli.store import open_store
    from app.pipeline.open import resources_of, shelf_of
    from app.pipeline.run import run_several
    from app.settings import load_settings

    _check_name(name, len(narrow))
    common = ComparisonRequest(
        narrow[0],
        reference,
        model=model,
        hook=hook,
        text=text,
        tokens=tokens,
        activations=activations,
        name=name,
        dtype=dtype,
        context_length=context_length,
        bos=bos,
        control_tokens=control_tokens,
        allow_mismatch=allow_mismatch,
    )
    requests = [replace(common, narrow=each) for each in narrow]
    settings = load_settings(engine=engine, device=device)
    database = open_store(settings, writes=True)
    resources, models = resources_of(settings), shelf_of(settings)
    with stages() as progress:
        summaries = list(
            run_several(database, settings.data_dir, requests, progress, models=models, resources=resources)
        )
    for summary in summaries:
        _tell(summary, settings, json)


def _check_name(name: str | None, n_comparisons: int) -> None:
    if name is not None and n_comparisons > 1:
        raise SettingsError(
            f"--name is for one comparison, but --narrow is given {n_comparisons} times; leave out --name"
        )


def _tell(summary: ComparisonSummary, settings: Settings, json: bool) -> None:
    from app.cli.serve import url_of

    for note in (summary.mismatch, *summary.notes):
        if note is not None:
            errors.print(f"note: {note}", highlight=False, markup=False, soft_wrap=True)
    url = f"{url_of(settings.host, settings.port)}/c/{summary.slug}"
    if json:
        import orjson

        from app.web.shared.redact import public_summary

        typer.echo(orjson.dumps({"slug": summary.slug, "url": url, "summary": public_summary(summary)}).decode())
        return
    errors.print(f"{summary.n_hedged} of {summary.n_scored} scored latents are hedged", highlight=False)
    output.print(f"{summary.slug}\n{url} (after `hedgescope serve`)", highlight=False, soft_wrap=True)
