/** The order of the alarm list, and which acts a warning allows. */
import type { Warning } from '../../app/model';

export type Act = 'release' | 'update' | 'cancel';

/** What is still to be watched comes first, then priority, then impact time, then id. */
export function compareWarnings(a: Warning, b: Warning): number {
  return (
    Number(isOver(a)) - Number(isOver(b)) ||
    a.priority - b.priority ||
    compareText(a.impact_time, b.impact_time) ||
    compareText(a.id, b.id)
  );
}

/** Cancelled or expired: kept on the list, below everything live. */
export function isOver(warning: Warning): boolean {
  return warning.state === 'cancelled' || warning.state === 'expired';
}

/** Acts an officer of `partner` may take now: only the owner's officers move a warning. */
export function actsOf(warning: Warning, partner: string | null): Act[] {
  if (warning.owner !== partner || isOver(warning)) return [];
  switch (warning.pending?.action) {
    case 'alert':
      return ['release', 'cancel'];
    case 'update':
      return ['update', 'cancel'];
    default:
      return ['cancel'];
  }
}

/**
 * True where the warning wants an officer's eye: a draft waits, support is gone, or what the public was told
 * is contested. What came late calls nobody, nor does a draft that rests on contested statements alone.
 */
export function calls(warning: Warning): boolean {
  if (isOver(warning) || warning.late) return false;
  const isPublic = warning.state === 'released' || warning.state === 'updated';
  return (warning.pending !== null && !warning.contested) || !warning.supported || (warning.contested && isPublic);
}

/** Why an act would be done, as the entry will say it. */
export function reasonOf(act: Act, warning: Warning): string {
  const { pending } = warning;
  if (act !== 'cancel') return pending?.reason ?? 'threat';
  return pending?.action === 'cancel' ? pending.reason : 'mistake';
}

/** Partners of an audience written `KOR+JPN+USA`. */
export function partnersOf(audience: string): string[] {
  return audience.split('+').filter((partner) => partner !== '');
}

/** The view acts are made in: that of the widest audience, so that everybody who gets it can check it. */
export function actingView(views: readonly string[]): string {
  const audiences = views.filter((view) => view !== 'own');
  const [widest] = audiences.sort((a, b) => partnersOf(b).length - partnersOf(a).length || compareText(a, b));
  return widest ?? 'own';
}

/** True where what an officer read in `shown` is no longer what would go out. */
export function differsFrom(shown: Warning, current: Warning | undefined): boolean {
  return current === undefined || essence(shown) !== essence(current);
}

function essence(warning: Warning): string {
  const { state, sequence, priority, audience, realm_status, headline, supported, pending } = warning;
  const districts = warning.districts.map((district) => district.code).sort();
  return JSON.stringify([state, sequence, priority, audience, realm_status, headline, supported, pending?.entry, districts]);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
