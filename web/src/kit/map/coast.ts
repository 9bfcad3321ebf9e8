/** Coast lines of a land polygon, without the seams where the data was cut at 180 degrees. */

export function coastOf(land: GeoJSON.MultiPolygon): GeoJSON.MultiLineString {
  const coordinates = land.coordinates.flat().flatMap(withoutSeams);
  return { type: 'MultiLineString', coordinates };
}

function withoutSeams(ring: GeoJSON.Position[]): GeoJSON.Position[][] {
  const lines: GeoJSON.Position[][] = [[]];
  ring.forEach((point, at) => {
    const before = ring[at - 1];
    if (before !== undefined && isSeam(before) && isSeam(point)) lines.push([]);
    lines.at(-1)?.push(point);
  });
  return lines.filter((line) => line.length > 1);
}

function isSeam(point: GeoJSON.Position): boolean {
  return Math.abs(point[0] ?? 0) >= 179.99;
}
