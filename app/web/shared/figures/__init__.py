"""Records as charts: plain data, drawn as SVG by `svg`."""
