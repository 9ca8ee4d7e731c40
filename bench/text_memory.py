"""Memory of reading a text: `python -m bench.text_memory` compares 300 rows of a data set with 3,000,000.

Each is read in a process of its own, 2,048 tokens of it.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from app.activations.text import read_text
from app.activations.tokenize import tokenize
from tests.pipeline.world import make_tokenizer

N_TOKENS = 2048
SIZES = (300, 3_000_000)
ROW = " ".join(f"w{number}" for number in range(15))


def save(folder: Path, n_rows: int) -> list[Path]:
    """A saved data set and a Parquet file of so many rows."""
    schema = pa.schema([("text", pa.string())])
    folder.mkdir()
    block = pa.record_batch([pa.array([ROW] * min(n_rows, 1000))], schema=schema)
    with (
        pa.OSFile(str(folder / "data.arrow"), "wb") as raw,
        pa.ipc.new_stream(raw, schema) as writer,
        pq.ParquetWriter(folder / "rows.parquet", schema) as parquet,
    ):
        for _ in range(max(n_rows // 1000, 1)):
            writer.write_batch(block)
            parquet.write_batch(block)
    (folder / "set").mkdir()
    (folder / "data.arrow").rename(folder / "set" / "data.arrow")
    (folder / "set" / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data.arrow"}]}))
    return [folder / "set", folder / "rows.parquet"]


def measure(path: str) -> int:
    """Peak memory of this process after reading, in kB."""
    rows = tokenize(read_text(path), make_tokenizer(bos_token="<s>"), n_tokens=N_TOKENS)
    assert rows.n_kept == N_TOKENS
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> int:
    """Print the figures; 1 where memory grows by more than a fifth."""
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        paths = [save(Path(folder) / str(size), size) for size in SIZES]
        for few, many in zip(*paths, strict=True):
            peaks = [_peak(few), _peak(many)]
            ratios.append(peaks[1] / peaks[0])
            print(
                f"{few.name}: {peaks[0] // 1024} MiB for {SIZES[0]:,} rows, {peaks[1] // 1024} MiB for {SIZES[1]:,}",
                end="",
            )
            print(f": {ratios[-1]:.2f} times")
    return 1 if max(ratios) > 1.2 else 0


def _peak(path: Path) -> int:
    done = subprocess.run(
        [sys.executable, "-m", "bench.text_memory", str(path)], capture_output=True, text=True, check=True
    )
    return int(done.stdout.split()[-1])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(measure(sys.argv[1]))
    else:
        sys.exit(main())
