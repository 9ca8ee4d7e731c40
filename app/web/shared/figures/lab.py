"""The figures of toys, with their tables."""

from __future__ import annotations

from app.records import ToyResult
from app.web.shared import formatting as show
from app.web.shared.figures.chart import Chart, Mark, Series, Tone, linear_axis, names_axis, point
from app.web.shared.figures.plot import DataTable, Plot

LATENT_TONES: tuple[Tone, ...] = ("reference", "narrow", "third", "fourth")


def toy_plot(toy: ToyResult) -> Plot:
    """Bars of the decoder's cosines to the features, one colour a latent; theory as diamonds on them."""
    several = len(toy.decoder) > 1
    series = [_bars(toy, latent, named=several or bool(toy.expected)) for latent in range(len(toy.decoder))]
    if toy.expected:
        series.append(_theory(toy))
    return Plot(
        name=toy.name,
        title=toy.title,
        description=toy.text,
        chart=Chart(names_axis("", toy.features), linear_axis("Decoder cosine", -1.05, 1.05), tuple(series)),
        table=toy_table(toy),
    )


def toy_table(toy: ToyResult) -> DataTable:
    """Decoder, encoder and decoder bias along each feature, with the values of theory."""
    rows = []
    for latent, (decoder, encoder) in enumerate(zip(toy.decoder, toy.encoder, strict=True)):
        rows.append((f"latent {latent}: decoder", *map(_number, decoder)))
        if latent < len(toy.expected):
            rows.append((f"latent {latent}: theory", *map(_number, toy.expected[latent])))
        rows.append((f"latent {latent}: encoder", *map(_number, encoder)))
    rows.append(("decoder bias", *map(_number, toy.b_dec)))
    if toy.expected_b_dec is not None:
        rows.append(("decoder bias: theory", *map(_number, toy.expected_b_dec)))
    return DataTable(("Along", *toy.features), tuple(rows))


def _bars(toy: ToyResult, latent: int, *, named: bool) -> Series:
    width = _bar_width(toy)
    bars = tuple(
        Mark(left, 0, left + width, cosine, f"latent {latent}: {_number(cosine)}")
        for left, cosine in ((k + _offset(toy, latent), cosine) for k, cosine in enumerate(toy.decoder[latent]))
    )
    return Series(f"latent {latent}" if named else "", LATENT_TONES[latent % len(LATENT_TONES)], "bar", bars)


def _theory(toy: ToyResult) -> Series:
    marks = tuple(
        point(feature + _offset(toy, latent) + _bar_width(toy) / 2, cosine, f"theory: {_number(cosine)}")
        for latent, row in enumerate(toy.expected)
        for feature, cosine in enumerate(row)
    )
    return Series("theory", "muted", "diamond", marks)


def _bar_width(toy: ToyResult) -> float:
    return min(0.4, 0.8 / len(toy.decoder))


def _offset(toy: ToyResult, latent: int) -> float:
    """From a feature's place to the left side of a bar: the latents side by side, centred."""
    return _bar_width(toy) * (latent - len(toy.decoder) / 2)


def _number(value: float) -> str:
    """Two decimals: the third depends on the seed."""
    rounded = round(value, 2)
    return show.MINUS + f"{-rounded:.2f}" if rounded < 0 else f"{abs(rounded):.2f}"
