/**
 * What the picture may lack: lost or late partners, earlier statements on their way, no live sensor, a
 * frozen display.
 * An empty list under a gap is never an all clear.
 */
import type { Incomplete, Line, Sensor } from './model';
import { parseTime } from '../kit/format';
import { itemsOf, nodeOf, type Picture } from './store';

export type Gap =
  | { kind: 'lost' | 'late'; partner: string; heard_ms: number | null }
  | { kind: 'incomplete'; partner: string; entries: number }
  | { kind: 'sensors' }
  | { kind: 'frozen'; seconds: number }
  | { kind: 'degraded'; note: string }
  | { kind: 'waiting' };

/** Gaps, worst first. `silence_ms` is the time since the last event where the display is frozen. */
export function gapsOf(picture: Picture | null, silence_ms: number | null): Gap[] {
  const gaps: Gap[] = [];
  if (silence_ms !== null) gaps.push({ kind: 'frozen', seconds: Math.floor(silence_ms / 1000) });
  if (picture === null) return [...gaps, { kind: 'waiting' }];
  const node = nodeOf(picture);
  if (node?.state === 'degraded') gaps.push({ kind: 'degraded', note: node.notes.join('; ') });
  gaps.push(...partnerGaps(picture), ...incompleteGaps(picture));
  const sensors = [...itemsOf<Sensor>(picture, 'track.sensors').values()];
  if (sensors.length > 0 && !sensors.some((sensor) => sensor.state === 'live')) gaps.push({ kind: 'sensors' });
  return gaps;
}

/** A partner counts by its best line: one that is up carries everything. */
function partnerGaps(picture: Picture): Gap[] {
  const partners = new Map<string, Line[]>();
  for (const line of itemsOf<Line>(picture, 'lines').values()) {
    partners.set(line.partner, [...(partners.get(line.partner) ?? []), line]);
  }
  const gaps: Gap[] = [];
  for (const [partner, lines] of [...partners].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (lines.some((line) => line.state === 'up')) continue;
    const kind = lines.some((line) => line.state === 'late') ? 'late' : 'lost';
    const heard = lines.map((line) => parseTime(line.last_heard)).filter((ms) => ms !== null);
    gaps.push({ kind, partner, heard_ms: heard.length === 0 ? null : Math.max(...heard) });
  }
  return gaps.sort((a, b) => Number(a.kind === 'late') - Number(b.kind === 'late'));
}

/** What fills a gap after a break comes behind all that is live, and calls nobody. */
function incompleteGaps(picture: Picture): Gap[] {
  const entries = new Map<string, number>();
  for (const log of itemsOf<Incomplete>(picture, 'incomplete').values()) {
    entries.set(log.partner, (entries.get(log.partner) ?? 0) + log.entries);
  }
  return [...entries]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([partner, count]) => ({ kind: 'incomplete', partner, entries: count }));
}

export interface Exercise {
  /** The exercise's name, or an empty text where only the realm says so. */
  name: string;
}

/** The exercise this picture belongs to, by the realm in the data alone. */
export function exerciseOf(picture: Picture | null): Exercise | null {
  const node = nodeOf(picture);
  if (node === null) return null;
  const realm = /^exercise(?:\/(.*))?$/.exec(node.realm);
  if (realm === null && node.exercise === null) return null;
  return { name: node.exercise ?? realm?.[1] ?? '' };
}
