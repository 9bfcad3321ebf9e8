/** Figures and times as text. Missing or broken values become `—`, never a wrong figure. */

export const NONE = '—';

/** Milliseconds since 1970 of an RFC 3339 time, or null. */
export function parseTime(text: string | null | undefined): number | null {
  if (text == null) return null;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? null : ms;
}

/** `03:04:05Z` */
export function zuluTime(ms: number | null): string {
  return ms === null ? NONE : `${new Date(ms).toISOString().slice(11, 19)}Z`;
}

/** `2017-07-28` */
export function zuluDate(ms: number | null): string {
  return ms === null ? NONE : new Date(ms).toISOString().slice(0, 10);
}

/** `03:04:05Z`, with the day in front where it is not the day of `now_ms`. */
export function zuluNear(ms: number | null, now_ms: number | null): string {
  if (ms === null) return NONE;
  const sameDay = now_ms !== null && zuluDate(ms) === zuluDate(now_ms);
  return sameDay ? zuluTime(ms) : `${zuluDate(ms)} ${zuluTime(ms)}`;
}

const ZONES = new Map<string, Intl.DateTimeFormat>();

/** `2017-07-28 12:04:05` in an IANA zone. */
export function zoneTime(ms: number | null, zone: string): { date: string; time: string } {
  if (ms === null) return { date: NONE, time: NONE };
  let format = ZONES.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });
    ZONES.set(zone, format);
  }
  const [date = NONE, time = NONE] = format.format(ms).split(' ');
  return { date, time };
}

export interface Countdown {
  /** `T−04:12`, `T+00:10`, or `—`. */
  text: string;
  passed: boolean;
}

/** Time from `now_ms` to `at_ms` in whole seconds, cut, so that less is never shown as more. */
export function countdown(at_ms: number | null, now_ms: number | null): Countdown {
  if (at_ms === null || now_ms === null) return { text: NONE, passed: false };
  const passed = at_ms < now_ms;
  const length_s = Math.floor(Math.abs(at_ms - now_ms) / 1000);
  return { text: `T${passed ? '+' : '−'}${clockLength(length_s)}`, passed };
}

/** `± 9 s`, `± 2.5 min`; one figure more than a second only where it means something. */
export function plusMinus(sigma_s: number | null | undefined): string {
  if (sigma_s == null || !Number.isFinite(sigma_s)) return '';
  if (sigma_s < 10) return `± ${sigma_s.toFixed(1)} s`;
  return sigma_s < 600 ? `± ${Math.round(sigma_s)} s` : `± ${(sigma_s / 60).toFixed(1)} min`;
}

/** `12 s`, `04:12`, `1:04:12`, `3 d`. */
export function age(since_ms: number | null, now_ms: number | null): string {
  if (since_ms === null || now_ms === null) return NONE;
  const length_s = Math.max(0, Math.floor((now_ms - since_ms) / 1000));
  if (length_s < 60) return `${length_s} s`;
  return length_s < 86_400 * 2 ? clockLength(length_s) : `${Math.floor(length_s / 86_400)} d`;
}

/** `37.533°N 126.980°E` */
export function position(lat_deg: number | null, lon_deg: number | null): string {
  if (!isFigure(lat_deg) || !isFigure(lon_deg)) return NONE;
  const lat = `${Math.abs(lat_deg).toFixed(3)}°${lat_deg < 0 ? 'S' : 'N'}`;
  return `${lat} ${Math.abs(lon_deg).toFixed(3)}°${lon_deg < 0 ? 'W' : 'E'}`;
}

/** `820 m`, `9.1 km`, `3,725 km` */
export function length(metres: number | null | undefined): string {
  if (!isFigure(metres)) return NONE;
  const size = Math.abs(metres);
  if (size < 1_000) return `${Math.round(metres)} m`;
  const km = metres / 1_000;
  return `${size < 100_000 ? km.toFixed(1) : Math.round(km).toLocaleString('en-GB')} km`;
}

/** `251 m/s`, `7.31 km/s` */
export function speed(mps: number | null | undefined): string {
  if (!isFigure(mps)) return NONE;
  return Math.abs(mps) < 1_000 ? `${Math.round(mps)} m/s` : `${(mps / 1_000).toFixed(2)} km/s`;
}

/** `+12 m/s`, `−3.10 km/s` */
export function signedSpeed(mps: number | null | undefined): string {
  if (!isFigure(mps)) return NONE;
  return `${mps < 0 ? '−' : '+'}${speed(Math.abs(mps))}`;
}

/** `+3 ms`, `−1.2 s` */
export function signedMs(ms: number | null | undefined): string {
  if (!isFigure(ms)) return NONE;
  const size = Math.abs(ms);
  if (size < 0.5) return '0 ms';
  const sign = ms < 0 ? '−' : '+';
  return size < 1_000 ? `${sign}${Math.round(size)} ms` : `${sign}${(size / 1_000).toFixed(1)} s`;
}

/** `12 ms`, `1.2 s` */
export function millis(ms: number | null | undefined): string {
  if (!isFigure(ms)) return NONE;
  if (ms > 0 && ms < 0.5) return '< 1 ms';
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

/** `007` for a course of seven degrees. */
export function bearing(degrees: number | null | undefined): string {
  if (!isFigure(degrees)) return NONE;
  return String(((Math.round(degrees) % 360) + 360) % 360).padStart(3, '0');
}

function clockLength(seconds: number): string {
  const parts = [Math.floor(seconds / 60) % 60, seconds % 60].map((part) => String(part).padStart(2, '0'));
  const hours = Math.floor(seconds / 3_600);
  return hours === 0 ? parts.join(':') : `${hours}:${parts.join(':')}`;
}

function isFigure(value: number | null | undefined): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}
