"""Records as Plotly figures: plain dictionaries."""
