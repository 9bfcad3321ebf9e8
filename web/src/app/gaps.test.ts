import { describe, expect, it } from 'vitest';
import { exerciseOf, gapsOf } from './gaps';
import type { Item } from './model';
import type { Picture } from './store';

const HEARD = '2017-07-28T15:00:00Z';
const HEARD_MS = Date.parse(HEARD);

function picture(collections: Record<string, Item[]>): Picture {
  const entries = Object.entries(collections).map(
    ([name, items]) => [name, new Map(items.map((item, at) => [String(at), item]))] as const,
  );
  return { boot: 'b', seq: 1, view: 'own', collections: new Map(entries) };
}

const line = (partner: string, state: string) => ({ id: `${partner}-${state}`, partner, state, last_heard: HEARD });

describe('gaps', () => {
  it.each([
    ['none with every partner up', { lines: [line('JPN', 'up')] }, []],
    ['a lost partner', { lines: [line('JPN', 'lost')] }, [{ kind: 'lost', partner: 'JPN', heard_ms: HEARD_MS }]],
    ['not a lost line beside one that is up', { lines: [line('JPN', 'lost'), line('JPN', 'up')] }, []],
    ['lost before late', { lines: [line('JPN', 'late'), line('USA', 'lost')] }, [
      { kind: 'lost', partner: 'USA', heard_ms: HEARD_MS },
      { kind: 'late', partner: 'JPN', heard_ms: HEARD_MS },
    ]],
    ['a partner never heard', { lines: [{ ...line('JPN', 'lost'), last_heard: null }] }, [
      { kind: 'lost', partner: 'JPN', heard_ms: null },
    ]],
    ['the logs of a partner that have a gap, added up', {
      incomplete: [
        { partner: 'USA', entries: 7 },
        { partner: 'JPN', entries: 40 },
        { partner: 'USA', entries: 3 },
      ],
    }, [
      { kind: 'incomplete', partner: 'JPN', entries: 40 },
      { kind: 'incomplete', partner: 'USA', entries: 10 },
    ]],
    ['no live sensor', { 'track.sensors': [{ state: 'lost' }, { state: 'stale' }] }, [{ kind: 'sensors' }]],
    ['not one silent sensor of two', { 'track.sensors': [{ state: 'lost' }, { state: 'live' }] }, []],
    ['a degraded node', { node: [{ state: 'degraded', notes: ['disk full'] }] }, [{ kind: 'degraded', note: 'disk full' }]],
  ])('%s', (_, collections, expected) => {
    expect(gapsOf(picture(collections), null)).toEqual(expected);
  });

  it('say that nothing came yet, and that the display stands still', () => {
    expect(gapsOf(null, 4_200)).toEqual([{ kind: 'frozen', seconds: 4 }, { kind: 'waiting' }]);
  });
});

describe('the exercise banner', () => {
  it.each([
    ['operational', null, null],
    ['exercise/first-light', 'first-light', { name: 'first-light' }],
    ['exercise/first-light', null, { name: 'first-light' }],
    ['exercise', null, { name: '' }],
    ['operational', 'leftover', { name: 'leftover' }],
  ])('in realm %s with exercise %s', (realm, exercise, expected) => {
    expect(exerciseOf(picture({ node: [{ realm, exercise }] }))).toEqual(expected);
  });

  it('is absent before the first picture', () => expect(exerciseOf(null)).toBeNull());
});
