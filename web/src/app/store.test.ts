import { describe, expect, it } from 'vitest';
import type { Change, Collections, Snapshot } from './model';
import { itemsOf, nodeOf, reduce, type Picture, type StreamEvent } from './store';

const NOW = '2017-07-28T14:41:00Z';

function snapshot(seq: number, collections: Collections, boot = 'b1'): StreamEvent {
  return { kind: 'snapshot', boot, body: { seq, view: 'own', now: NOW, collections } };
}

function delta(seq: number, changes: Change[], boot = 'b1'): StreamEvent {
  return { kind: 'delta', boot, body: { seq, now: NOW, changes } };
}

function run(events: StreamEvent[]): Picture | null {
  let picture: Picture | null = null;
  for (const event of events) {
    const step = reduce(picture, event);
    if (step.verdict === 'resubscribe') throw new Error(step.reason);
    picture = step.picture;
  }
  return picture;
}

function plain(picture: Picture | null): Snapshot['collections'] {
  return Object.fromEntries([...(picture?.collections ?? [])].map(([name, items]) => [name, Object.fromEntries(items)]));
}

/** Changes that turn one state into another, as a node would send them. */
function difference(before: Collections, after: Collections): Change[] {
  const changes: Change[] = [];
  for (const collection of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [old, fresh] = [before[collection] ?? {}, after[collection] ?? {}];
    for (const id of Object.keys(old)) if (!(id in fresh)) changes.push({ collection, id, value: null });
    for (const [id, value] of Object.entries(fresh)) {
      if (JSON.stringify(old[id]) !== JSON.stringify(value)) changes.push({ collection, id, value });
    }
  }
  return changes;
}

/** A small linear congruential generator, so that a failing case repeats. */
function random(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648;
}

function randomState(next: () => number): Collections {
  const state: Collections = { node: {}, 'track.tracks': {}, 'warning.warnings': {} };
  for (const items of Object.values(state)) {
    for (let at = 0; at < 6; at += 1) if (next() < 0.6) items[`i${at}`] = { id: `i${at}`, value: Math.floor(next() * 3) };
  }
  return state;
}

describe('an older snapshot with the deltas after it', () => {
  it.each(Array.from({ length: 50 }, (_, seed) => seed + 1))('equals the newer snapshot (seed %i)', (seed) => {
    const next = random(seed);
    const states = Array.from({ length: 8 }, () => randomState(next));
    const first = states[0] ?? {};
    const events = [snapshot(5, first)];
    states.slice(1).forEach((state, at) => events.push(delta(6 + at, difference(states[at] ?? {}, state))));
    const last = states.at(-1) ?? {};
    expect(plain(run(events))).toEqual(plain(run([snapshot(12, last)])));
  });
});

describe('what is asked for again', () => {
  const start = snapshot(5, { 'track.tracks': { a: { id: 'a' } } });
  it.each<[string, StreamEvent[]]>([
    ['a delta before any snapshot', [delta(1, [])]],
    ['a gap', [start, delta(7, [])]],
    ['the same delta twice', [start, delta(6, []), delta(6, [])]],
    ['deltas out of order', [start, delta(6, []), delta(5, [])]],
    ['a delta of another run of the node', [start, delta(6, [], 'b2')]],
    ['a heartbeat ahead of the picture', [start, { kind: 'heartbeat', body: { seq: 6, now: NOW } }]],
  ])('%s', (_, events) => {
    expect(() => run(events)).toThrow();
  });

  it('is not a heartbeat that is behind, nor one that is level', () => {
    const picture = run([start, { kind: 'heartbeat', body: { seq: 0, now: NOW } }, { kind: 'heartbeat', body: { seq: 5, now: NOW } }]);
    expect(picture?.seq).toBe(5);
  });
});

describe('reducing', () => {
  it('leaves the picture it started from as it was', () => {
    const before = run([snapshot(1, { 'track.tracks': { a: { id: 'a' }, b: { id: 'b' } } })]);
    const step = reduce(before, delta(2, [{ collection: 'track.tracks', id: 'a', value: null }]));
    expect(step.verdict).toBe('applied');
    expect([...itemsOf(before, 'track.tracks').keys()]).toEqual(['a', 'b']);
  });

  it('gives untouched collections as the same objects', () => {
    const before = run([snapshot(1, { lines: { l: { id: 'l' } }, node: { n: { id: 'n' } } })]);
    const after = reduce(before, delta(2, [{ collection: 'lines', id: 'l', value: { id: 'l', state: 'up' } }]));
    expect(after.verdict === 'applied' && after.picture?.collections.get('node')).toBe(before?.collections.get('node'));
  });

  it('finds the node item whatever its id', () => {
    expect(nodeOf(run([snapshot(1, { node: { 'KOR-1': { id: 'KOR-1' } } })]))).toEqual({ id: 'KOR-1' });
    expect(nodeOf(null)).toBeNull();
  });
});
