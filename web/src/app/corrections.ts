/** Which entries an officer recalled, corrected or superseded, as far as the picture tells. */
import type { Correction } from './model';
import { itemsOf, type Picture } from './store';

/** Newest first; ids only break ties. */
export function correctionsOf(picture: Picture | null): Correction[] {
  return [...itemsOf<Correction>(picture, 'corrections').values()].sort((a, b) =>
    a.logged === b.logged ? (a.id < b.id ? 1 : -1) : a.logged < b.logged ? 1 : -1,
  );
}

/** The newest correction of each entry that was not recalled itself. */
export function correctedOf(picture: Picture | null): ReadonlyMap<string, Correction> {
  const corrected = new Map<string, Correction>();
  for (const correction of correctionsOf(picture)) {
    if (!correction.stands) continue;
    for (const entry of correction.cited) if (!corrected.has(entry)) corrected.set(entry, correction);
  }
  return corrected;
}
