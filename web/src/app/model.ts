/** The data's names in the console, over the types made from the API's description. */
import type * as api from '../generated/api';

export type Timestamp = api.Timestamp;
export type NodeInfo = api.NodeInfo;
export type Line = api.Line;
export type Lane = api.Lane;
export type Incomplete = api.Incomplete;
export type Finding = api.Finding;
export type Correction = api.Correction;
export type Track = api.CollectionItems['track.tracks'];
export type Impact = NonNullable<Track['impact']>;
export type Sensor = api.CollectionItems['track.sensors'];
export type Warning = api.CollectionItems['warning.warnings'];
export type Digest = api.Digest;
export type Acted = api.Acted;
export type EntryReceipts = api.EntryReceipts;
export type NodeReceipt = api.NodeReceipt;
export type WhyAnswer = api.WhyAnswer;
export type Preview = api.Preview;

/** An item of any collection. */
export type Item = object;
export type Collections = Record<string, Record<string, Item>>;

export type Snapshot = Omit<api.Snapshot, 'collections'> & { collections: Collections };
export type Change = Omit<api.Change, 'value'> & { value: Item | null };
export type Delta = Omit<api.Delta, 'changes'> & { changes: Change[] };
export type Heartbeat = Pick<api.Delta, 'seq' | 'now'>;

/** An RFC 9457 problem, from the node or about reaching it. */
export type Problem = Omit<api.Problem, 'detail'> & { detail: string | null };

/** A text in the three languages. */
export type Text = api.Text;
