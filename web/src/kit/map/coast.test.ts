import { expect, it } from 'vitest';
import { coastOf } from './coast';

it('leaves out the seam where the data was cut at 180 degrees', () => {
  const ring = [[170, 60], [180, 60], [180, 65], [170, 65], [170, 60]];
  expect(coastOf({ type: 'MultiPolygon', coordinates: [[ring]] }).coordinates).toEqual([
    [[170, 60], [180, 60]],
    [[180, 65], [170, 65], [170, 60]],
  ]);
});
