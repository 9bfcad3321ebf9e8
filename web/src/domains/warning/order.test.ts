import { describe, expect, it } from 'vitest';
import type { Warning } from '../../app/model';
import { actsOf, compareWarnings, differsFrom, partnersOf } from './order';

function warning(id: string, changes: Partial<Warning> = {}): Warning {
  return {
    id, object: 'X', state: 'released', priority: 2, realm_status: 'Exercise', audience: 'JPN+KOR', districts: [],
    impact_time: '2017-07-28T15:28:12Z', impact_time_sigma_s: 9, severity: 'Extreme', urgency: 'Immediate', certainty: 'Likely',
    headline: { en: 'a', ja: 'b', ko: 'c' }, drafted: '2017-07-28T14:42:00Z', released: null, released_by: null,
    supported: true, evidence: [], source: 'KOR-1', references: [], sequence: 1, ...changes,
  };
}

it('puts what is over last, then goes by priority, impact time and id', () => {
  const list = [
    warning('over', { priority: 1, state: 'cancelled' }),
    warning('low', { priority: 4 }),
    warning('later', { priority: 1, impact_time: '2017-07-28T15:40:00Z' }),
    warning('b', { priority: 1 }),
    warning('a', { priority: 1, state: 'draft' }),
    warning('expired', { priority: 1, state: 'expired', impact_time: '2017-07-28T15:50:00Z' }),
  ];
  expect(list.sort(compareWarnings).map(({ id }) => id)).toEqual(['a', 'b', 'later', 'low', 'over', 'expired']);
});

it.each([
  ['draft', ['release', 'cancel']],
  ['released', ['update', 'cancel']],
  ['updated', ['update', 'cancel']],
  ['cancelled', []],
  ['expired', []],
] as const)('%s allows %j', (state, acts) => expect(actsOf(warning('w', { state }))).toEqual(acts));

it.each([['JPN+KOR+USA', ['JPN', 'KOR', 'USA']], ['KOR', ['KOR']], ['', []]])('audience %s', (audience, partners) => {
  expect(partnersOf(audience)).toEqual(partners);
});

describe('what an officer read', () => {
  const shown = warning('w');
  const place = { code: 'JP-01', partner: 'JPN', name: { en: '', ja: '', ko: '' }, probability: 0.4 };
  it.each<[string, Warning | undefined, boolean]>([
    ['is the same after a new countdown', warning('w', { impact_time: '2017-07-28T15:28:13Z' }), false],
    ['differs with another district', warning('w', { districts: [place] }), true],
    ['differs with another audience', warning('w', { audience: 'KOR' }), true],
    ['differs in another state', warning('w', { state: 'cancelled' }), true],
    ['differs with another text', warning('w', { headline: { en: 'z', ja: 'b', ko: 'c' } }), true],
    ['differs once support is lost', warning('w', { supported: false }), true],
    ['differs when the warning is gone', undefined, true],
  ])('%s', (_, current, expected) => expect(differsFrom(shown, current)).toBe(expected));
});
