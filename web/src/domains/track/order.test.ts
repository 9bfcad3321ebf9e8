import { expect, it } from 'vitest';
import type { Track } from '../../app/model';
import { compareTracks, isUnseen, matches, nameOf } from './order';

const IDENTITY = { mode_3a: '2114', aircraft_address: '71BE01', callsign: 'JAL512', track_number: 7 };

function track(id: string, changes: Partial<Track> = {}): Track {
  return { id, public_id: null, class: 'aircraft', state: 'confirmed', identity: IDENTITY, aliases: [], ...changes } as Track;
}

it('puts ballistic first, then by state, then by id', () => {
  const list = [track('b'), track('a', { state: 'lost' }), track('u', { class: 'unknown' }), track('z', { class: 'ballistic', state: 'lost' }), track('a2')];
  expect(list.sort(compareTracks).map(({ id }) => id)).toEqual(['z', 'u', 'a2', 'b', 'a']);
});

it.each([['', true], ['jal5', true], [' 2114 ', true], ['71be', true], ['T1', true], ['old', true], ['KAL', false]])('finds by %j: %s', (text, found) => {
  expect(matches(track('T1', { aliases: ['OLD-7'] }), text)).toBe(found);
});

it('names a track by public id, else callsign, else id', () => {
  expect(nameOf(track('T1', { public_id: 'P' }))).toBe('P');
  expect(nameOf(track('T1'))).toBe('JAL512');
  expect(nameOf(track('T1', { identity: { ...IDENTITY, callsign: null } }))).toBe('T1');
});

it.each([['tentative', false], ['confirmed', false], ['stale', true], ['lost', true]] as const)('%s is unseen: %s', (state, unseen) => {
  expect(isUnseen(track('T', { state }))).toBe(unseen);
});
