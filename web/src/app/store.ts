/**
 * The console's picture: a snapshot and ordered deltas, reduced in pure code.
 * Invariant: an older snapshot with the deltas after it equals the newer snapshot.
 */
import type { Delta, Heartbeat, Item, NodeInfo, Snapshot } from './model';

export type Collection = ReadonlyMap<string, Item>;

export interface Picture {
  /** The node's process start, from the event id; a new one means nothing can be resumed. */
  readonly boot: string;
  readonly seq: number;
  readonly view: string;
  readonly collections: ReadonlyMap<string, Collection>;
}

export type StreamEvent =
  | { kind: 'snapshot'; boot: string; body: Snapshot }
  | { kind: 'delta'; boot: string; body: Delta }
  | { kind: 'heartbeat'; body: Heartbeat };

export type Step =
  | { verdict: 'applied'; picture: Picture | null }
  | { verdict: 'resubscribe'; reason: string };

const EMPTY: Collection = new Map();

/** Applies one event; anything but the next number asks for a new subscription. */
export function reduce(picture: Picture | null, event: StreamEvent): Step {
  switch (event.kind) {
    case 'snapshot':
      return { verdict: 'applied', picture: fromSnapshot(event.boot, event.body) };
    case 'delta':
      return picture === null
        ? again('a delta came before any snapshot')
        : applyDelta(picture, event.boot, event.body);
    case 'heartbeat':
      // A smaller number is a heartbeat sent before the deltas already here.
      return picture !== null && event.body.seq > picture.seq
        ? again(`heartbeat at ${event.body.seq}, picture at ${picture.seq}`)
        : { verdict: 'applied', picture };
  }
}

/** Items of one collection by id; empty when the picture has none. */
export function itemsOf<T extends Item>(picture: Picture | null, name: string): ReadonlyMap<string, T> {
  return (picture?.collections.get(name) ?? EMPTY) as ReadonlyMap<string, T>;
}

/** The one item of the `node` collection. */
export function nodeOf(picture: Picture | null): NodeInfo | null {
  for (const node of itemsOf<NodeInfo>(picture, 'node').values()) return node;
  return null;
}

function fromSnapshot(boot: string, body: Snapshot): Picture {
  const collections = new Map(
    Object.entries(body.collections).map(([name, items]) => [name, new Map(Object.entries(items))]),
  );
  return { boot, seq: body.seq, view: body.view, collections };
}

function applyDelta(picture: Picture, boot: string, delta: Delta): Step {
  if (boot !== picture.boot) return again(`the node restarted: boot ${boot}, picture of ${picture.boot}`);
  if (delta.seq !== picture.seq + 1) return again(`expected delta ${picture.seq + 1}, got ${delta.seq}`);
  const collections = new Map(picture.collections);
  const fresh = new Map<string, Map<string, Item>>();
  for (const { collection: name, id, value } of delta.changes) {
    let items = fresh.get(name);
    if (items === undefined) {
      items = new Map(collections.get(name));
      fresh.set(name, items);
      collections.set(name, items);
    }
    if (value === null) items.delete(id);
    else items.set(id, value);
  }
  return { verdict: 'applied', picture: { ...picture, seq: delta.seq, collections } };
}

function again(reason: string): Step {
  return { verdict: 'resubscribe', reason };
}
