/** Priorities: 1 purple, most urgent, to 4 blue. */
export type Rank = 1 | 2 | 3 | 4;

/** A rank for any figure of the data; what is no rank counts as the most urgent. */
export function rankOf(priority: number): Rank {
  return priority === 2 || priority === 3 || priority === 4 ? priority : 1;
}
