/** Collections that have a page of their own; every other one appears as a plain panel. */
export const CLAIMED: ReadonlySet<string> = new Set(['track.tracks', 'track.sensors', 'warning.warnings']);
