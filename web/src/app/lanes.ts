/** What the lanes of a line say. */
import type { Lane, Line } from './model';

/** Precedence prosigns of ACP 121. */
export const PROSIGNS: Readonly<Record<string, string>> = { flash: 'Z', immediate: 'O', priority: 'P', routine: 'R' };

/** Entries that may be under way on a healthy line. */
const UNDER_WAY_MAX = 100;

/** True where the other node lacks more than what is merely under way. */
export function isBehind(line: Line, lane: Lane): boolean {
  return lane.sent - lane.held > (line.state === 'up' ? UNDER_WAY_MAX : 0);
}
