import { describe, expect, it } from 'vitest';
import { Projector, boundsOf, clampCamera, fitted, panned, unproject, worldX, worldY, zoomedAt, type Camera } from './camera';
import { nearest } from './hit';

const SIZE = { width_px: 900, height_px: 440 };
const SEOUL: Camera = { lon_deg: 127, lat_deg: 37.5, zoom: 5 };

describe('the projection', () => {
  it.each([[0, 0, 0.5, 0.5], [-180, 85.0511, 0, 0], [90, -66.5133, 0.75, 0.75]])('puts %d, %d at %d, %d', (lon, lat, x, y) => {
    expect(worldX(lon)).toBeCloseTo(x, 6);
    expect(worldY(lat)).toBeCloseTo(y, 4);
  });

  it.each([[127, 37.5], [139.7, 35.6], [-177, 28], [120, -10]])('comes back to %d, %d', (lon, lat) => {
    const projector = new Projector(SEOUL, SIZE);
    const [back_lon, back_lat] = unproject(SEOUL, SIZE, projector.x(lon), projector.y(lat));
    expect(back_lon).toBeCloseTo(lon, 9);
    expect(back_lat).toBeCloseTo(lat, 9);
  });

  it('takes the copy of the world nearest to the camera', () => {
    const projector = new Projector({ lon_deg: 178, lat_deg: 0, zoom: 4 }, SIZE);
    expect(projector.x(-178) - projector.x(178)).toBeCloseTo((4 / 360) * 512 * 16, 6);
  });

  it('traces a line across the antimeridian without a jump', () => {
    const xs: number[] = [];
    const path = { moveTo: (x: number) => xs.push(x), lineTo: (x: number) => xs.push(x) } as unknown as CanvasRenderingContext2D;
    new Projector({ lon_deg: 175, lat_deg: 0, zoom: 4 }, SIZE).trace(path, [[170, 0], [178, 0], [-174, 0], [-166, 0]]);
    const steps = xs.slice(1).map((x, at) => x - (xs[at] ?? 0));
    steps.forEach((step) => expect(step).toBeCloseTo((8 / 360) * 512 * 16, 6));
  });
});

describe('the camera', () => {
  it('never shows an edge of the world', () => {
    const camera = clampCamera({ lon_deg: 190, lat_deg: 89, zoom: 0 }, SIZE);
    const projector = new Projector(camera, SIZE);
    expect(camera.lon_deg).toBeCloseTo(-170, 9);
    expect(projector.scale_px).toBeGreaterThanOrEqual(900 - 1e-6);
    expect(projector.y(85.0511)).toBeLessThanOrEqual(0.01);
  });

  it('keeps the place under the pointer while zooming', () => {
    const before = unproject(SEOUL, SIZE, 700, 100);
    const after = unproject(zoomedAt(SEOUL, SIZE, 700, 100, 1.3), SIZE, 700, 100);
    after.forEach((value, at) => expect(value).toBeCloseTo(before[at] ?? 0, 6));
  });

  it('pans by pixels', () => {
    const moved = panned(SEOUL, SIZE, 100, -50);
    expect(new Projector(moved, SIZE).x(127)).toBeCloseTo(350, 6);
    expect(new Projector(moved, SIZE).y(37.5)).toBeCloseTo(270, 6);
  });

  it.each([[[[126, 33], [142, 45]]], [[[175, 10], [-150, 40]]], [[[144.7, 13.5]]]])('fits %j into the pane', (points) => {
    const bounds = boundsOf(points);
    if (bounds === null) throw new Error('points have bounds');
    const projector = new Projector(fitted(bounds, SIZE, 60), SIZE);
    for (const [lon = 0, lat = 0] of points) {
      expect(Math.abs(projector.x(lon) - 450)).toBeLessThanOrEqual(390.001);
      expect(Math.abs(projector.y(lat) - 220)).toBeLessThanOrEqual(160.001);
    }
  });

  it('has no bounds without points', () => expect(boundsOf([[Number.NaN, 1]])).toBeNull());
});

describe('the hit test', () => {
  const points = Float32Array.from([10, 10, 100, 100, 104, 100]);
  it.each([[11, 12, 0], [101, 100, 1], [103, 100, 2], [102, 100, 2], [300, 300, null], [10, 25, null]])(
    'at %d, %d finds %s',
    (x, y, expected) => expect(nearest(points, x, y, 14)).toBe(expected),
  );
});
