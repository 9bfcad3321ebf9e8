import { describe, expect, it } from 'vitest';
import { isFrozen, observe, pictureTime, type PictureClock } from './clock';

function after(samples: [picture_ms: number, local_ms: number, rate: number][]): PictureClock | null {
  return samples.reduce<PictureClock | null>(
    (clock, [picture_ms, local_ms, rate]) => observe(clock, { picture_ms, local_ms, rate }),
    null,
  );
}

function read(clock: PictureClock | null, local_ms: number): number {
  return clock === null ? Number.NaN : pictureTime(clock, local_ms);
}

describe('picture time', () => {
  it('runs on between events at the rate', () => {
    expect(read(after([[10_000, 500, 60]]), 1_500)).toBe(70_000);
  });

  it('is not held back by a delayed event', () => {
    const clock = after([[10_000, 0, 1], [11_000, 1_400, 1]]);
    expect(read(clock, 1_400)).toBeGreaterThan(11_395);
  });

  it('follows a slow drift', () => {
    const samples = Array.from({ length: 1_000 }, (_, at): [number, number, number] => [at * 999, at * 1_000, 1]);
    expect(Math.abs(read(after(samples), 999_000) - 999 * 999)).toBeLessThan(5);
  });

  it('jumps where the clock was set anew', () => {
    expect(read(after([[10_000, 0, 1], [900_000, 1_000, 1]]), 1_000)).toBe(900_000);
    expect(read(after([[900_000, 0, 1], [10_000, 1_000, 1]]), 1_000)).toBe(10_000);
  });

  it('starts afresh when the rate changes', () => {
    expect(read(after([[10_000, 0, 1], [11_000, 1_000, 60]]), 2_000)).toBe(71_000);
  });
});

describe('the display', () => {
  it.each([[0, 2_999, false], [0, 3_000, true], [5_000, 7_000, false], [5_000, 60_000, true]])(
    'heard at %i ms, at %i ms is frozen: %s',
    (heard_ms, local_ms, frozen) => expect(isFrozen(heard_ms, local_ms)).toBe(frozen),
  );
});
