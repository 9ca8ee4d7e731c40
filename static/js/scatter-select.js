// What was drawn with the box or the lasso, as corners in data units. No state, no events.

/** Corners of a lasso that a link still holds; the server takes 64. */
const MOST_CORNERS = 40;
const LEAST_PIXELS = 1.5;

/** Distance of a point from the line between two others. */
function away([x, y], [x1, y1], [x2, y2]) {
  const length = Math.hypot(x2 - x1, y2 - y1);
  if (!length) return Math.hypot(x - x1, y - y1);
  return Math.abs((x2 - x1) * (y1 - y) - (x1 - x) * (y2 - y1)) / length;
}

/** The points of a path without those nearer than a tolerance to the path that is left (Douglas and Peucker). */
export function simplified(path, tolerance) {
  if (path.length < 3) return path;
  const distances = path.map((point) => away(point, path[0], path[path.length - 1]));
  const farthest = distances.indexOf(Math.max(...distances));
  if (distances[farthest] <= tolerance) return [path[0], path[path.length - 1]];
  return [...simplified(path.slice(0, farthest + 1), tolerance).slice(0, -1), ...simplified(path.slice(farthest), tolerance)];
}

/** A path in pixels with so few corners that a link holds them. */
export function fewCorners(path) {
  let tolerance = LEAST_PIXELS;
  let kept = simplified(path, tolerance);
  while (kept.length > MOST_CORNERS) {
    tolerance *= 1.5;
    kept = simplified(path, tolerance);
  }
  return kept;
}

/**
 * What Plotly's event says was drawn: `{ window: [x0, x1, y0, y1] }`, `{ corners: [[x, y], …] }`, or null for nothing.
 * Axes are Plotly's: `d2p` gives the pixels of a value.
 */
export function drawnShape(event, xaxis, yaxis) {
  if (event?.range) {
    const [x, y] = [event.range.x, event.range.y].map((ends) => [...ends].sort((a, b) => a - b));
    return { window: [...x, ...y] };
  }
  if (!event?.lassoPoints || event.lassoPoints.x.length < 3) return null;
  const { x, y } = event.lassoPoints;
  const path = x.map((value, place) => [xaxis.d2p(value), yaxis.d2p(y[place])]);
  const corners = fewCorners(path).map(([left, top]) => [xaxis.p2d(left), yaxis.p2d(top)]);
  return corners.length < 3 ? null : { corners };
}
