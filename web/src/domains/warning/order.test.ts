import { describe, expect, it } from 'vitest';
import type { Warning } from '../../app/model';
import { actingView, actsOf, calls, compareWarnings, differsFrom, partnersOf, reasonOf } from './order';

function warning(id: string, changes: Partial<Warning> = {}): Warning {
  return {
    id, object: 'X', owner: 'JPN', pending: null, state: 'released', priority: 2, realm_status: 'Exercise', audience: 'JPN+KOR', area: 'land', districts: [],
    impact_time: '2017-07-28T15:28:12Z', impact_time_sigma_s: 9, severity: 'Extreme', urgency: 'Immediate', certainty: 'Likely',
    headline: { en: 'a', ja: 'b', ko: 'c' }, drafted: '2017-07-28T14:42:00Z', released: null, released_by: null,
    supported: true, entry: 'e/1', late: false, contested: false, evidence: [], source: 'KOR-1', references: [], sequence: 1, ...changes,
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

const pending = (action: 'alert' | 'update' | 'cancel', reason: 'threat' | 'changed' | 'passed', entry = 'e/1') => ({
  entry, action, reason, drafted: '2017-07-28T14:43:00Z',
});

it.each<[string, Partial<Warning>, string | null, string[], boolean]>([
  ['a drafted alert', { state: 'draft', pending: pending('alert', 'threat') }, 'JPN', ['release', 'cancel'], true],
  ['a drafted update', { pending: pending('update', 'changed') }, 'JPN', ['update', 'cancel'], true],
  ['a drafted cancellation', { pending: pending('cancel', 'passed') }, 'JPN', ['cancel'], true],
  ['nothing drafted', {}, 'JPN', ['cancel'], false],
  ['nothing drafted and support lost', { supported: false }, 'JPN', ['cancel'], true],
  ['a drafted alert that came late', { state: 'draft', late: true, pending: pending('alert', 'threat') }, 'JPN', ['release', 'cancel'], false],
  ['a drafted alert on contested statements alone', { state: 'draft', contested: true, pending: pending('alert', 'threat') }, 'JPN', ['release', 'cancel'], false],
  ['a public warning that became contested', { contested: true }, 'JPN', ['cancel'], true],
  ['another partner\'s warning', { state: 'draft', pending: pending('alert', 'threat') }, 'KOR', [], true],
  ['no node known', {}, null, [], false],
  ['a cancelled warning', { state: 'cancelled', supported: false }, 'JPN', [], false],
  ['an expired warning', { state: 'expired' }, 'JPN', [], false],
])('%s allows and calls', (_, changes, partner, acts, called) => {
  expect(actsOf(warning('w', changes), partner)).toEqual(acts);
  expect(calls(warning('w', changes))).toBe(called);
});

it.each<['release' | 'update' | 'cancel', Partial<Warning>, string]>([
  ['release', { pending: pending('alert', 'threat') }, 'threat'],
  ['update', { pending: pending('update', 'changed') }, 'changed'],
  ['cancel', { pending: pending('cancel', 'passed') }, 'passed'],
  ['cancel', { pending: pending('update', 'changed') }, 'mistake'],
])('%s is done because of', (act, changes, reason) => expect(reasonOf(act, warning('w', changes))).toBe(reason));

it.each([['JPN+KOR+USA', ['JPN', 'KOR', 'USA']], ['KOR', ['KOR']], ['', []]])('audience %s', (audience, partners) => {
  expect(partnersOf(audience)).toEqual(partners);
});

it.each([
  [['own', 'JPN', 'JPN+KOR+USA', 'JPN+USA'], 'JPN+KOR+USA'],
  [['own', 'JPN+USA', 'JPN+KOR'], 'JPN+KOR'],
  [['own'], 'own'],
  [[], 'own'],
])('of views %j acts are made in %s', (views, view) => expect(actingView(views)).toBe(view));

describe('what an officer read', () => {
  const shown = warning('w');
  const place = { code: 'JP-01', partner: 'JPN', name: { en: '', ja: '', ko: '' }, probability: 0.4, nearby_only: false };
  it.each<[string, Warning | undefined, boolean]>([
    ['is the same after a new countdown', warning('w', { impact_time: '2017-07-28T15:28:13Z' }), false],
    ['differs with another district', warning('w', { districts: [place] }), true],
    ['differs with another audience', warning('w', { audience: 'KOR' }), true],
    ['differs in another state', warning('w', { state: 'cancelled' }), true],
    ['differs with another text', warning('w', { headline: { en: 'z', ja: 'b', ko: 'c' } }), true],
    ['differs with another draft', warning('w', { pending: pending('update', 'changed') }), true],
    ['differs once support is lost', warning('w', { supported: false }), true],
    ['differs when the warning is gone', undefined, true],
  ])('%s', (_, current, expected) => expect(differsFrom(shown, current)).toBe(expected));
});
