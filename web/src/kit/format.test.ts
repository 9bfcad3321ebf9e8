import { describe, expect, it } from 'vitest';
import * as format from './format';

const NOW = Date.parse('2017-07-28T15:06:00Z');

describe('countdown', () => {
  it.each([
    [NOW + 252_000, 'T−04:12', false],
    [NOW + 252_999, 'T−04:12', false],
    [NOW + 500, 'T−00:00', false],
    [NOW, 'T−00:00', false],
    [NOW - 500, 'T+00:00', true],
    [NOW - 10_000, 'T+00:10', true],
    [NOW + 3_852_000, 'T−1:04:12', false],
  ])('at %i reads %s', (at_ms, text, passed) => expect(format.countdown(at_ms, NOW)).toEqual({ text, passed }));

  it('is a dash without a time', () => expect(format.countdown(null, NOW).text).toBe('—'));
});

describe('figures', () => {
  it.each([
    [format.plusMinus(2.54), '± 2.5 s'],
    [format.plusMinus(16.2), '± 16 s'],
    [format.plusMinus(900), '± 15.0 min'],
    [format.plusMinus(null), ''],
    [format.plusMinus(Number.NaN), ''],
    [format.age(NOW - 42_000, NOW), '42 s'],
    [format.age(NOW - 305_000, NOW), '05:05'],
    [format.age(NOW + 5_000, NOW), '0 s'],
    [format.age(NOW - 4 * 86_400_000, NOW), '4 d'],
    [format.position(41.3371, 133.6459), '41.337°N 133.646°E'],
    [format.position(-12.5, -0.25), '12.500°S 0.250°W'],
    [format.position(Number.NaN, 1), '—'],
    [format.length(820), '820 m'],
    [format.length(10_668), '10.7 km'],
    [format.length(3_724_900), '3,725 km'],
    [format.speed(232), '232 m/s'],
    [format.speed(3_930), '3.93 km/s'],
    [format.signedSpeed(-229.6), '−230 m/s'],
    [format.signedSpeed(3_100), '+3.10 km/s'],
    [format.signedMs(-7.9), '−8 ms'],
    [format.signedMs(-0.2), '0 ms'],
    [format.millis(0.3), '< 1 ms'],
    [format.signedMs(1_240), '+1.2 s'],
    [format.millis(null), '—'],
    [format.bearing(359.7), '000'],
    [format.bearing(-7), '353'],
  ])('%s', (got, expected) => expect(got).toBe(expected));
});

describe('times', () => {
  it('take nanoseconds and refuse rubbish', () => {
    expect(format.parseTime('2017-07-28T15:06:00.123456789Z')).toBe(NOW + 123);
    expect(format.parseTime('soon')).toBeNull();
    expect(format.parseTime(null)).toBeNull();
  });

  it('name the day only where it is another one', () => {
    expect(format.zuluNear(NOW, NOW)).toBe('15:06:00Z');
    expect(format.zuluNear(NOW - 86_400_000, NOW)).toBe('2017-07-27 15:06:00Z');
  });

  it.each([
    ['UTC', '2017-07-28', '15:06:00'],
    ['Asia/Seoul', '2017-07-29', '00:06:00'],
    ['America/New_York', '2017-07-28', '11:06:00'],
  ])('in %s', (zone, date, time) => expect(format.zoneTime(NOW, zone)).toEqual({ date, time }));

  it('follow daylight saving in Washington', () => {
    expect(format.zoneTime(Date.parse('2026-12-01T12:00:00Z'), 'America/New_York').time).toBe('07:00:00');
  });
});
