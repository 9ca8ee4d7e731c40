"""The formulas: from weights and statistics to scores, as pure functions of arrays."""
