/* What the tests of the scatter plot draw. */

export const AXES = {
  max_decoder_cosine: { name: "max_decoder_cosine", title: "Decoder cosine", unit: "", kind: "number", log: false },
  density: { name: "density", title: "Density", unit: "", kind: "number", log: true },
  n_firings: { name: "n_firings", title: "Firings", unit: "tokens", kind: "integer", log: true },
  hedging_score: { name: "hedging_score", title: "Hedging score", unit: "", kind: "number", log: false },
};
export const COLUMNS = {
  index: [0, 1, 2, 3],
  label: ["the", "<b>", "", "x".repeat(60)],
  main_partner: [7, null, 5, 3],
  max_decoder_cosine: [0.9, 0.5, null, 0.25],
  density: [0.01, 0, 0.1, 0.02],
  n_firings: [12345, 0, 100, 20],
  hedging_score: [0.25, 0.5, null, null],
};
export const VIEW = { sae: "narrow", x: "max_decoder_cosine", y: "n_firings", color: "hedging_score", size: "", filters: [], q: "", zoom: null };
export const WORDS = { titles: { level: "Level", n_firings: "Firings" }, signs: { eq: "is", in: "is one of", gte: "≥" } };
export const CHANCE = { max_decoder_cosine: 0.3, hedging_score: 0.1 };
