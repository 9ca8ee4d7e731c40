"""What makes two SAEs a control/extended pair, kept in their metadata and checked before a degree is computed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from app.errors import Place, SaeError
from app.sae.load import LoadedSae
from app.training.schedule import Schedule

METADATA_KEY = "hedging_pair"
"""Where SAELens' metadata of a saved SAE hold it."""

Role = Literal["control", "extended"]


@dataclass(frozen=True, kw_only=True)
class PairRecord(Schedule):
    """One SAE of a pair, and how both were trained; the two have the same values but for `role`.

    Attributes:
        role: `control` was trained on as it was, `extended` with new latents.
        parent: where the SAE that both started from was read.
        parent_checksum: SHA-256 of its weights.
        n_latents: its latents.
        n_new: latents that the extended SAE has more, the last ones.
        data_checksum: SHA-256 of all batches, in their order.
    """

    role: Role
    parent: str
    parent_checksum: str
    n_latents: int
    n_new: int
    data_checksum: str

    def to_metadata(self) -> dict[str, Any]:
        """As it is kept in the metadata."""
        return asdict(self)


def read_pair(loaded: LoadedSae) -> PairRecord:
    """The pair record of an SAE.

    Raises:
        SaeError: it has none, or an incomplete one.
    """
    kept = loaded.module.cfg.metadata.to_dict().get(METADATA_KEY)
    if kept is None:
        raise SaeError(
            "does not belong to a control/extended pair; `hedgescope extend` makes both from one SAE",
            place=loaded.record.source,
        )
    if not isinstance(kept, dict) or set(kept) != {field.name for field in fields(PairRecord)}:
        raise SaeError("its metadata about the pair are incomplete; make the pair again", place=loaded.record.source)
    return PairRecord(**kept)


def check_pair(control: LoadedSae, extended: LoadedSae) -> PairRecord:
    """The control's record, once it is certain that the two are a pair.

    Raises:
        SaeError: they are not; the message says why.
    """
    first, second = read_pair(control), read_pair(extended)
    for loaded, record, role in ((control, first, "control"), (extended, second, "extended")):
        if record.role != role:
            raise SaeError(f"is the {record.role} SAE of its pair; expected the {role} SAE", place=loaded.record.source)
    names = (field.name for field in fields(PairRecord) if field.name not in ("role", "parent"))
    different = [name for name in names if getattr(first, name) != getattr(second, name)]
    if different:
        details = ", ".join(f"{name} {_short(first, name)} and {_short(second, name)}" for name in different)
        raise SaeError(f"not one pair: {details}", place=Place.of(control.record.source, extended.record.source))
    _check_sizes(control, extended, first)
    return first


def _check_sizes(control: LoadedSae, extended: LoadedSae, record: PairRecord) -> None:
    for loaded, n_latents in ((control, record.n_latents), (extended, record.n_latents + record.n_new)):
        if loaded.d_sae != n_latents:
            raise SaeError(f"has {loaded.d_sae} latents; its metadata say {n_latents}", place=loaded.record.source)
    if control.record.d_in != extended.record.d_in:
        raise SaeError(
            f"d_in {control.record.d_in} and {extended.record.d_in}, not one pair; `hedgescope extend` makes both from "
            "one SAE",
            place=Place.of(control.record.source, extended.record.source),
        )


def _short(record: PairRecord, name: str) -> str:
    """A checksum's first characters identify it."""
    return str(getattr(record, name))[:12]
