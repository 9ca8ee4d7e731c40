"""The figures of toys, with their tables."""

from __future__ import annotations

from typing import Any

from app.records import ToyResult
from app.web.shared import formatting as show
from app.web.shared.figures.plot import DataTable, Plot

LATENT_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
"""Okabe and Ito's palette, one colour a latent."""

THEORY_COLOUR = "#8A8F98"


def toy_plot(toy: ToyResult) -> Plot:
    """Bars of the decoder's cosines to the features, one colour a latent; theory as diamonds on them."""
    several = len(toy.decoder) > 1
    traces = [_bars(toy, latent) for latent in range(len(toy.decoder))]
    if toy.expected:
        traces.append(_theory(toy))
    return Plot(
        name=toy.name,
        title=toy.title,
        description=toy.text,
        figure={
            "data": traces,
            "layout": {
                "barmode": "group",
                "showlegend": several or bool(toy.expected),
                "xaxis": {"tickvals": list(range(toy_width(toy))), "ticktext": list(toy.features), "automargin": True},
                "yaxis": {
                    "title": {"text": "Decoder cosine"},
                    "automargin": True,
                    "range": [-1.05, 1.05],
                    "zeroline": True,
                },
            },
        },
        table=toy_table(toy),
    )


def toy_width(toy: ToyResult) -> int:
    """Number of features."""
    return len(toy.features)


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


def _bars(toy: ToyResult, latent: int) -> dict[str, Any]:
    return {
        "type": "bar",
        "name": f"latent {latent}",
        "x": list(range(toy_width(toy))),
        "y": list(toy.decoder[latent]),
        "width": _bar_width(toy),
        "offset": _offset(toy, latent),
        "marker": {"color": LATENT_COLOURS[latent % len(LATENT_COLOURS)]},
        "hovertemplate": f"latent {latent}: %{{y:.3f}}<extra></extra>",
    }


def _theory(toy: ToyResult) -> dict[str, Any]:
    points = [
        (feature + _offset(toy, latent) + _bar_width(toy) / 2, cosine)
        for latent, row in enumerate(toy.expected)
        for feature, cosine in enumerate(row)
    ]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "theory",
        "x": [x for x, _ in points],
        "y": [y for _, y in points],
        "marker": {"color": THEORY_COLOUR, "symbol": "diamond", "size": 10, "line": {"color": "#ffffff", "width": 1}},
        "hovertemplate": "theory: %{y:.3f}<extra></extra>",
    }


def _bar_width(toy: ToyResult) -> float:
    return min(0.4, 0.8 / len(toy.decoder))


def _offset(toy: ToyResult, latent: int) -> float:
    """From a feature's place to the left side of a bar: the latents side by side, centred."""
    return _bar_width(toy) * (latent - len(toy.decoder) / 2)


def _number(value: float) -> str:
    """Two decimals: the third depends on the seed."""
    rounded = round(value, 2)
    return show.MINUS + f"{-rounded:.2f}" if rounded < 0 else f"{abs(rounded):.2f}"
