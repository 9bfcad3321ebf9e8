/** The data's names in the console, over the types made from the API's description. */
import type * as api from '../generated/api';

/** The node writes every field of what it shows; the description leaves nullable ones optional. */
type Whole<T> = T extends object ? { [K in keyof T]-?: Whole<T[K]> } : T;

export type Timestamp = api.Timestamp;
export type NodeInfo = Whole<api.NodeInfo>;
export type Line = Whole<api.Line>;
export type Lane = Whole<api.Lane>;
export type Finding = Whole<api.Finding>;
export type Track = Whole<api.CollectionItems['track.tracks']>;
export type Impact = NonNullable<Track['impact']>;
export type Sensor = Whole<api.CollectionItems['track.sensors']>;
export type Warning = Whole<api.CollectionItems['warning.warnings']>;
export type Digest = api.Digest;
export type Acted = api.Acted;

/** An item of any collection. */
export type Item = object;
export type Collections = Record<string, Record<string, Item>>;

export type Snapshot = Omit<api.Snapshot, 'collections'> & { collections: Collections };
export type Change = Omit<api.Change, 'value'> & { value: Item | null };
export type Delta = Omit<api.Delta, 'changes'> & { changes: Change[] };
export type Heartbeat = Pick<api.Delta, 'seq' | 'now'>;

/** An RFC 9457 problem, from the node or about reaching it. */
export type Problem = Omit<Whole<api.Problem>, 'detail'> & { detail: string | null };

/** A text by language code. */
export type Text = Readonly<Record<string, string>>;
