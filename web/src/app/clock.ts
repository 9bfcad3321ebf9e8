/**
 * Picture time: what the node's clock says now, between events.
 * Outside exercises it runs with the wall clock; inside, `rate` times faster.
 */

export interface PictureClock {
  readonly rate: number;
  /** Picture milliseconds minus `rate` times local milliseconds, of the least delayed event. */
  readonly offset_ms: number;
}

export interface ClockSample {
  picture_ms: number;
  /** Monotonic local milliseconds at receipt. */
  local_ms: number;
  rate: number;
}

/** No event for this long: the display counts as frozen. */
export const FROZEN_AFTER_MS = 3_000;

/** A jump larger than this (wall ms) is a new clock, not a delayed event. */
const JUMP_MS = 2_000;

/** How fast an old best estimate gives way, so that drift is followed (wall ms an event). */
const YIELD_MS = 2;

/** Takes one event's time in. Delays only ever make a sample too old, so the newest wins. */
export function observe(clock: PictureClock | null, sample: ClockSample): PictureClock {
  const offset_ms = sample.picture_ms - sample.rate * sample.local_ms;
  if (clock === null || clock.rate !== sample.rate) return { rate: sample.rate, offset_ms };
  if (Math.abs(offset_ms - clock.offset_ms) > JUMP_MS * sample.rate) return { rate: sample.rate, offset_ms };
  return { rate: clock.rate, offset_ms: Math.max(offset_ms, clock.offset_ms - YIELD_MS * clock.rate) };
}

/** Picture time at a local instant, ms since 1970. */
export function pictureTime(clock: PictureClock, local_ms: number): number {
  return clock.offset_ms + clock.rate * local_ms;
}

/** True when nothing was heard for `FROZEN_AFTER_MS`. Both are monotonic local ms. */
export function isFrozen(heard_ms: number, local_ms: number): boolean {
  return local_ms - heard_ms >= FROZEN_AFTER_MS;
}
