// Console and API shapes. Times are RFC 3339 UTC; ids are strings; names end in their unit.

export type Timestamp = string;
export type PartnerCode = string;
export type LonLat = [number, number];
export type LonLatHeight = [number, number, number];

export interface Text {
  en: string;
  ja: string;
  ko: string;
}

export interface NodeInfo {
  id: string;
  partner: PartnerCode;
  realm: string;
  view: string;
  views: string[];
  started: Timestamp;
  clock: { epoch: Timestamp; rate: number };
  exercise: string | null;
  edition: number;
  state: 'ok' | 'degraded';
  notes: string[];
}

export interface Lane {
  lane: 'flash' | 'immediate' | 'priority' | 'routine';
  sent: number;
  held: number;
  received: number;
  cross_checked_by: string[];
}

export interface Line {
  id: string;
  partner: PartnerCode;
  state: 'up' | 'late' | 'lost';
  since: Timestamp;
  last_heard: Timestamp | null;
  lag_ms: number | null;
  clock_offset_ms: number | null;
  carrier: string;
  lanes: Lane[];
  note: string | null;
}

export interface Finding {
  id: string;
  at: Timestamp;
  severity: 'info' | 'warning' | 'error';
  source: string;
  message: string;
  hint: string | null;
}

export interface TrackSource {
  partner: PartnerCode;
  sensor: string;
  plots: number;
  updated: Timestamp;
}

export interface TrackIdentity {
  mode_3a: string | null;
  aircraft_address: string | null;
  callsign: string | null;
  track_number: number | null;
}

export interface Launch {
  lat_deg: number;
  lon_deg: number;
  time: Timestamp;
  time_sigma_s: number;
  region: LonLat[];
}

export interface Apogee {
  height_m: number;
  time: Timestamp;
}

export interface Impact {
  lat_deg: number;
  lon_deg: number;
  time: Timestamp;
  time_sigma_s: number;
  semi_major_m: number;
  semi_minor_m: number;
  orientation_deg: number;
  region: LonLat[];
}

export interface Track {
  id: string;
  public_id: string | null;
  class: 'ballistic' | 'aircraft' | 'unknown';
  phase: 'boost' | 'coast' | 'reentry' | 'landed' | 'level' | 'climb' | 'descent' | 'unknown';
  state: 'tentative' | 'confirmed' | 'stale' | 'lost';
  lat_deg: number;
  lon_deg: number;
  height_m: number;
  speed_mps: number;
  course_deg: number;
  climb_mps: number;
  position_sigma_m: number;
  updated: Timestamp;
  first_seen: Timestamp;
  plots: number;
  sources: TrackSource[];
  identity: TrackIdentity;
  launch: Launch | null;
  apogee: Apogee | null;
  impact: Impact | null;
  trail: LonLatHeight[];
  evidence: string[];
  aliases: string[];
}

export interface Sensor {
  id: string;
  partner: PartnerCode;
  kind: 'radar' | 'geodetic' | 'asterix';
  lat_deg: number | null;
  lon_deg: number | null;
  height_m: number | null;
  scans: number;
  last_scan: Timestamp;
  state: 'live' | 'stale' | 'lost';
}

export interface WarningDistrict {
  code: string;
  partner: PartnerCode;
  name: Text;
  probability: number;
  nearby_only: boolean;
}

export interface PendingDraft {
  entry: string;
  action: 'alert' | 'update' | 'cancel';
  reason: 'threat' | 'changed' | 'fell' | 'passed' | 'unsupported' | 'mistake';
  drafted: Timestamp;
}

export interface Warning {
  id: string;
  object: string;
  owner: PartnerCode;
  pending: PendingDraft | null;
  state: 'draft' | 'released' | 'updated' | 'cancelled' | 'expired';
  priority: 1 | 2 | 3 | 4;
  realm_status: 'Actual' | 'Exercise' | null;
  audience: string;
  districts: WarningDistrict[];
  impact_time: Timestamp;
  impact_time_sigma_s: number;
  severity: string;
  urgency: string;
  certainty: string;
  headline: Text;
  drafted: Timestamp;
  released: Timestamp | null;
  released_by: string | null;
  supported: boolean;
  evidence: string[];
  source: string;
  references: string[];
  sequence: number;
}

export type Item = object;
export type Collections = Record<string, Record<string, Item>>;

export interface Snapshot {
  seq: number;
  view: string;
  now: Timestamp;
  collections: Collections;
}

export interface Change {
  collection: string;
  id: string;
  value: Item | null;
}

export interface Delta {
  seq: number;
  now: Timestamp;
  changes: Change[];
}

export interface Heartbeat {
  seq: number;
  now: Timestamp;
}

export interface Digest {
  view: string;
  fold_edition: Record<string, number>;
  cut: Record<string, number>;
  digest: string;
  items: Record<string, number>;
}

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string | null;
  hint: string | null;
}
