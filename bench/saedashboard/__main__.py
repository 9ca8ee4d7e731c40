"""SAEDashboard side by side, from cached activations, on the same SAE and the same tokens.

    python -m bench.saedashboard --tokens 262144            4,096 latents; about 12 minutes on two cores

Makes an environment of its own below the data folder (its requirements and this program's exclude each other),
writes the bundled text's activations once, and gives both programs the same ones: SAEDashboard in its own cache's
form, so that neither runs the language model. SAEDashboard computes and writes its page for the 4,096 latents;
this program compares them with the narrow SAE, all scores included, and stores the result. Writes
`bench/results/saedashboard.json` and `.md`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from app.activations.language_model import ModelShelf
from app.activations.logits import unembedding
from app.lab.scratch import scratch_database
from app.pipeline.run import run
from app.records import ComparisonRequest
from app.settings import load_settings
from bench.bundled import FOLDERS, Bundled, open_bundled
from bench.machine import facts
from bench.output import command_line, page, table, write_results
from bench.stages import StageClock

VERSION = "0.8.0"
ROW = 127
"""Tokens a row."""

SCORES = ("products of activations", "mixture candidates", "weights by group", "mixed masses", "decomposition")
"""Stages of a comparison that make no part of a dashboard."""

ROWS_PER_MINIBATCH = 64
"""SAEDashboard's default."""


def environment(folder: Path) -> Path:
    """Python of an environment with SAEDashboard, made where it is missing; torch in this program's version."""
    python = folder / "bin" / "python"
    done = folder / f".saedashboard-{VERSION}"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--no-compile"]
        torch_version = torch.__version__.partition("+")[0]
        # It needs NumPy 1, which newer pyarrows refuse.
        subprocess.run([*install, f"torch=={torch_version}", f"sae-dashboard=={VERSION}", "pyarrow<21"], check=True)
        # A requirement of a requirement, never used here; where its build is not torch's, transformers breaks on it.
        subprocess.run([python, "-m", "pip", "uninstall", "--quiet", "--yes", "torchvision"], check=True)
        done.touch()
    return python


def export(bundled: Bundled, folder: Path) -> int:
    """Write activations for both programs, and what SAEDashboard needs of the model; returns the tokens of either.

    SAEDashboard wants rows of one length, all of whose positions count. The scored tokens of all rows are put one
    after the other and cut anew: no model runs over them again, so that nothing but the contexts' borders changes.
    """
    language_model = bundled.models.get(str(bundled.saes[1].record.model_name))
    found, ids = [], []
    for batch in bundled.stream.batches(0, len(bundled.stream.rows)):
        found.append(batch.acts)
        ids.append(torch.from_numpy(batch.rows.ids[batch.rows.keep].astype(np.int64)))
    n_rows = sum(map(len, ids)) // ROW
    acts, tokens = (torch.cat(each)[: n_rows * ROW] for each in (found, ids))
    save_file({"activations": acts, "tokens": tokens}, folder / "activations.safetensors")
    tokens = tokens.view(n_rows, ROW)
    for number, few in enumerate(acts.view(n_rows, ROW, -1).split(ROWS_PER_MINIBATCH)):
        save_file({"acts": few.contiguous()}, folder / f"minibatch-{number}.safetensors")
    output = unembedding(language_model)
    assert output is not None
    save_file({"tokens": tokens.contiguous(), "W_U": output.T.contiguous()}, folder / "model.safetensors")
    language_model.tokenizer.save_pretrained(folder / "tokenizer")
    return tokens.numel()


def ours(bundled: Bundled, folder: Path) -> dict[str, float]:
    """Seconds from cached activations to a stored comparison of both SAEs, and of what SAEDashboard does not do."""
    narrow, reference = map(str, FOLDERS)
    request = ComparisonRequest(narrow, reference, activations=str(folder / "activations.safetensors"), name="bench")
    models = ModelShelf(bundled.models.cache_dir)
    clock = StageClock()
    with scratch_database(folder) as engine:
        run(engine, folder, request, clock, models=models)
        end = time.perf_counter()
    stages = clock.seconds(end)
    return {"all_s": end - clock.started, "scores_s": sum(stages.get(stage, 0.0) for stage in SCORES)}


def theirs(python: Path, folder: Path, features: int) -> dict[str, float]:
    """Seconds of SAEDashboard for the first latents of the reference SAE."""
    script = Path(__file__).with_name("dashboard.py")
    command = [python, script, folder, FOLDERS[1], str(features), str(torch.get_num_threads())]
    subprocess.run([str(word) for word in command], check=True, cwd=folder)
    found: dict[str, float] = json.loads((folder / "dashboard.json").read_text())
    return found


def markdown(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    compute_s, html_s = figures["saedashboard"]["compute_s"], figures["saedashboard"]["html_s"]
    theirs_s, ours_s = compute_s + html_s, figures["hedgescope_s"]
    features = f"{figures['features']:,}"
    rows = [
        ("SAEDashboard", f"{theirs_s:,.0f}", features, f"computing {compute_s:,.0f}, HTML {html_s:,.0f}"),
        ("Hedgescope", f"{ours_s:,.1f}", "512 + 4,096", "both SAEs, scores and database included"),
        ("ratio (bar: 10)", f"{theirs_s / ours_s:,.1f}", "", ""),
    ]
    # Not noted in figures of earlier versions.
    if (scores_s := figures.get("scores_s")) is not None:
        alone_s = ours_s - scores_s
        rows += [
            ("Hedgescope, dashboards only", f"{alone_s:,.1f}", "512 + 4,096", "the same run without its scores"),
            ("ratio, dashboards only", f"{theirs_s / alone_s:,.1f}", "", ""),
        ]
    return page(
        f"{figures['tokens']:,} tokens from cached activations; {figures['machine']}; commit {figures['commit']}, "
        f"{figures['date']}; SAEDashboard {VERSION}, {features} latents of the same SAE.",
        table(("", "seconds", "latents", "of it"), rows),
    )


def main() -> None:
    """Measure both, print, write."""
    parser = command_line(__doc__)
    parser.add_argument("--tokens", type=int, default=262_144)
    parser.add_argument("--features", type=int, default=4096)
    parser.add_argument("--environment", type=Path, default=None, help="default: in the data folder")
    given = parser.parse_args()
    data_dir = load_settings().data_dir.resolve()
    data_dir.mkdir(parents=True, exist_ok=True)
    python = environment((given.environment or data_dir / "saedashboard").resolve())
    bundled = open_bundled(given.tokens, "float32")
    folder = Path(tempfile.mkdtemp(prefix="saedashboard-", dir=data_dir))
    try:
        n_tokens = export(bundled, folder)
        own = ours(bundled, folder)
        figures = {
            "tokens": n_tokens,
            "features": given.features,
            "hedgescope_s": own["all_s"],
            "scores_s": own["scores_s"],
            "saedashboard": theirs(python, folder, given.features),
            **facts(),
        }
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    write_results("saedashboard", figures, markdown(figures))


if __name__ == "__main__":
    main()
