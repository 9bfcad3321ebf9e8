/** Which drawn point lies under the pointer. */

/** Index of the point nearest to a pixel within a radius; of equals the one painted last. */
export function nearest(points: Float32Array, x_px: number, y_px: number, radius_px: number): number | null {
  let best: number | null = null;
  let best_px2 = radius_px * radius_px;
  for (let at = 0; 2 * at + 1 < points.length; at += 1) {
    const dx = (points[2 * at] ?? 0) - x_px;
    const dy = (points[2 * at + 1] ?? 0) - y_px;
    const away_px2 = dx * dx + dy * dy;
    if (away_px2 <= best_px2) [best, best_px2] = [at, away_px2];
  }
  return best;
}
