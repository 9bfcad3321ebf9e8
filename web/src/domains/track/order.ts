/** The order and filter of the track list. */
import type { Track } from '../../app/model';

const CLASS_RANK = { ballistic: 0, unknown: 1, aircraft: 2 } as const;
const STATE_RANK = { confirmed: 0, tentative: 1, stale: 2, lost: 3 } as const;

/** Ballistic first, then by state, then by id, so that rows do not jump with every update. */
export function compareTracks(a: Track, b: Track): number {
  return (
    CLASS_RANK[a.class] - CLASS_RANK[b.class] ||
    STATE_RANK[a.state] - STATE_RANK[b.state] ||
    (a.id < b.id ? -1 : Number(a.id > b.id))
  );
}

/** True where any name of the track holds the text, whatever the case. */
export function matches(track: Track, text: string): boolean {
  const wanted = text.trim().toLowerCase();
  if (wanted === '') return true;
  const { identity } = track;
  const names = [track.id, track.public_id, identity.callsign, identity.mode_3a, identity.aircraft_address, ...track.aliases];
  return names.some((name) => name?.toLowerCase().includes(wanted) ?? false);
}

/** The name an operator reads: public id, callsign, or the id itself. */
export function nameOf(track: Track): string {
  return track.public_id ?? track.identity.callsign ?? track.id;
}

/** Stale or lost: shown as not seen, never as gone. */
export function isUnseen(track: Track): boolean {
  return track.state === 'stale' || track.state === 'lost';
}
