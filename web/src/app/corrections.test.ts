import { describe, expect, it } from 'vitest';
import { correctedOf, correctionsOf } from './corrections';
import type { Correction } from './model';

const said = (id: string, second: number, changes: Partial<Correction>): Correction => ({
  id, act: 'recall', logged: `2017-07-28T15:00:0${second}Z`, partner: 'KOR', cited: ['e'], stands: true, ...changes,
});

function picture(corrections: Correction[]) {
  const items = new Map(corrections.map((correction) => [correction.id, correction]));
  return { boot: 'b', seq: 1, view: 'own', collections: new Map([['corrections', items]]) };
}

describe('corrections', () => {
  it('come newest first', () => {
    const all = picture([said('a', 1, {}), said('c', 2, {}), said('b', 2, {})]);
    expect(correctionsOf(all).map((correction) => correction.id)).toEqual(['c', 'b', 'a']);
  });

  it('mark an entry with the newest that stands', () => {
    const all = picture([
      said('a', 1, { act: 'correct' }),
      said('b', 2, { cited: ['e', 'f'], stands: false }),
      said('c', 3, { cited: ['a'] }),
    ]);
    const marks = [...correctedOf(all)].map(([entry, { id, act }]) => [entry, id, act]);
    expect(marks).toEqual([['a', 'c', 'recall'], ['e', 'a', 'correct']]);
  });

  it('are none before the first picture', () => expect(correctedOf(null).size).toBe(0));
});
