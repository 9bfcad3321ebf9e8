// Made by `npm run generate` from docs/openapi.json. Do not edit.

/** What a correction does to what it cites. */
export type Act = "recall" | "correct" | "supersede";

/** What an officer's act led to. */
export interface Acted {
  /** The entry that records it. */
  entry: string;
  /** What became of the warning, or of the entries, by it. */
  state: string;
}

/** What a message does to the ones before it. */
export type Action = "alert" | "update" | "cancel";

/** The highest point of a trajectory. */
export interface Apogee {
  /** Height above the ellipsoid, metres. */
  height_m: number;
  /** When. */
  time: Timestamp;
}

/** An entry that was appended. */
export interface Appended {
  /** The entry. */
  entry: string;
  /** Nodes that hold it. */
  holders: NodeId[];
  /** `reached`, or `pending`: durable here, the level not reached in time. */
  state: string;
}

/** Where a message says an object comes down; it chooses the texts and what is asked of people. */
export type Area = "land" | "sea";

/** The items of an ASTERIX target report (CAT048) that the tracker uses. */
export interface AsterixReport {
  /** Aircraft address, 24 bits (I048/220). */
  aircraft_address?: number | null;
  /** Aircraft identification, at most 16 ASCII characters (I048/240). */
  callsign?: string | null;
  /** Flight level as metres, -3 to 50 km (I048/090). */
  flight_level_m?: number | null;
  /** Height measured by a 3D radar, metres, -3 to 50 km (I048/110). */
  height_m?: number | null;
  /** Mode 3/A code, 0 to 4095 (I048/070). */
  mode_3a?: number | null;
  /** Slant range, metres, 0 to 1,000 km (I048/040). */
  rho_m: number;
  /** System area code (I048/010). */
  sac: number;
  /** System identification code (I048/010). */
  sic: number;
  /** Azimuth clockwise from north, degrees, 0 to 360 (I048/040). */
  theta_deg: number;
  /** The radar's own track number, 0 to 4095 (I048/161). */
  track_number?: number | null;
}

/** Statements that were appended together. */
export interface BulkAppended {
  /** How many; all of the request. */
  appended: number;
  /** Nodes that hold every one of them. */
  holders: NodeId[];
  /** The last of them; the others stand before it in the same log, in the order sent. */
  last: string;
  /** `reached`, or `pending`: durable here, the level not reached in time. */
  state: string;
}

/** A checked withdrawal. */
export interface Cancel {
  /** A word to the other partners, up to 1,000 bytes; not for the public. */
  note?: string | null;
  /** Who. */
  officer: Officer;
  /** `passed`, `unsupported` or `mistake`. */
  reason: Reason;
  /** Which warning. */
  warning: WarningId;
}

/** What frames of a bundle brought; all of it is stored. */
export interface CarriedAnswer {
  /** Entries that were new here. */
  entries: number;
  /** Batches that could not be joined because entries before them are missing: an earlier bundle is. */
  gaps: number;
  /** Batches, cosignatures and frames that were refused; the findings say why. */
  refused: number;
  /** Batches that were here already. */
  repeated: number;
}

/** One item that came, changed or went. */
export interface Change {
  /** The collection. */
  collection: string;
  /** The item's id in it. */
  id: string;
  /** The item, or null if it is gone. */
  value: unknown;
}

/** The charter in force. */
export interface CharterAnswer {
  /** Its edition. */
  edition: number;
  /** What runs out soon or has run out. */
  expiring: CharterExpiring[];
  /** Its fingerprint, to compare by voice. */
  fingerprint: string;
  /** What other nodes last said they have in force. */
  nodes: CharterAtNode[];
  /** Number of each partner's roster. */
  rosters: Record<string, number>;
  /** The same as words of the spelling alphabet. */
  spoken: string;
  /** The file, with every signature. */
  text: string;
}

/** What another node has in force. */
export interface CharterAtNode {
  /** Its edition; null if it has not said. */
  edition: number | null;
  /** The node. */
  node: NodeId;
  /** Number of each partner's roster there. */
  rosters: Record<string, number>;
  /** Whether that is what is in force here. */
  same: boolean;
}

/** Something that runs out. */
export interface CharterExpiring {
  /** When. */
  expires: Timestamp;
  /** What. */
  what: string;
}

/** A charter file to put in force. */
export interface CharterFile {
  /** The file's text. */
  text: string;
}

/** A correction as the console shows it. */
export interface Correction {
  /** What it does. */
  act: Act;
  /** The entries it cites. */
  cited: EntryId[];
  /** Its entry. */
  id: EntryId;
  /** When it was logged. */
  logged: Timestamp;
  /** Who corrects. */
  partner: PartnerId;
  /** Whether it was not recalled itself. */
  stands: boolean;
}

/** What an officer wants to say about entries of the partner's own nodes. */
export interface CorrectionProposal {
  /** What to do. */
  act: Act;
  /** The whole statement as it should be, of the entry's kind; none to recall. */
  content?: unknown;
  /** To which entries: 1 to 256 to recall, else one. */
  entries: EntryId[];
  /** Why, 1 to 1,000 bytes. */
  reason: string;
}

/** A declaration that has been checked. */
export interface Declared {
  /** The plots the object was started from: 1 to [`DECLARED_EVIDENCE_MAX`]. */
  evidence: PlotRef[];
  /** 1 to 32 ASCII letters, digits and `-`. */
  public_id: string;
}

/** An angle in degrees, as people and files write it. */
export type Degrees = number;

/** What changed since the delta before. */
export interface Delta {
  /** In the order of collection and id. */
  changes: Change[];
  /** Picture time at sending. */
  now: Timestamp;
  /** One more than the delta's before. */
  seq: number;
}

/** The digest of a view. */
export interface Digest {
  /** Sizes by log: entries below them are covered. */
  cut: Record<string, number>;
  /** SHA-256, hexadecimal. */
  digest: string;
  /** Fold editions by domain. */
  fold_edition: Record<string, number>;
  /** Items at the cut, by collection. */
  items: Record<string, number>;
  /** The view. */
  view: string;
}

/** A district in a forecast. */
export interface DistrictShare {
  /** ISO 3166-2 code. */
  code: string;
  /** Only the margin around the 99 % region reaches it; at sea not even that. */
  nearby_only: boolean;
  /** How likely the impact lies inside its boundary, 0 to 1. */
  probability: number;
}

/** An entry that is cited beyond its own audience. */
export interface Downgraded {
  /** Who may read it. */
  audience: string;
  /** The entry. */
  entry: string;
  /** What they see instead. */
  handle: string;
  /** Who reads what cites it, and may not read it. */
  readers: PartnerId[];
}

/** A checked proposal. */
export interface Draft {
  /** What the message would do. */
  action: Action;
  /** Why. */
  reason: Reason;
  /** What it would say. */
  subject: Subject;
  /** Which warning. */
  warning: WarningId;
}

/** A readable entry. */
export interface EntryAnswer {
  /** Who may read it. */
  audience: string;
  /** Its content, or null if no domain reads the kind. */
  content: unknown;
  /** Whether its node signed two histories: no effect may rest on it alone. */
  contested: boolean;
  /** What was said about it by correcting it, in order; the content above is as it was said first. */
  corrections: EntryCorrection[];
  /** The edition of its content. */
  edition: number;
  /** Nodes that hold it, as far as receipts have come; of own entries only. */
  holders: NodeId[];
  /** Its id. */
  id: string;
  /** Its kind. */
  kind: string;
  /** When it was logged. */
  logged: Timestamp;
  /** Who said it. */
  origin: NodeId;
  /** Whose node that is. */
  partner: PartnerId;
  /** How urgent it was. */
  precedence: string;
}

/** What a correction said about an entry. */
export interface EntryCorrection {
  /** What it does. */
  act: Act;
  /** The correction's own entry, with reason and new content. */
  entry: EntryId;
  /** When it was logged. */
  logged: Timestamp;
  /** Whether pictures follow it: it counts, and none after it does. */
  rules: boolean;
}

export type EntryId = string;

/** Who held an entry, and when. */
export interface EntryReceipts {
  /** Who may read it; null where this node sees only its leaf hash. */
  audience: string | null;
  /** The entry. */
  entry: string;
  /** When it was logged; null where this node sees only its leaf hash. */
  logged: Timestamp | null;
  /** Every node of the charter and every node that stated anything, in order. */
  nodes: NodeReceipt[];
  /** Who wrote it. */
  origin: NodeId;
  /** How urgent it was. */
  precedence: string;
  /** The answer in one sentence. */
  summary: string;
}

/** A node and the number of a bundle for it. */
export interface ExportedNote {
  /** Its number. */
  number: number;
  /** Whom the bundle is for. */
  to: NodeId;
}

/** Something an operator should know. */
export interface Finding {
  /** When it was found, picture time. */
  at: Timestamp;
  /** How to mend it. */
  hint: string | null;
  /** A running number in its list. */
  id: string;
  /** One sentence: what was expected, what came. */
  message: string;
  /** How bad it is. */
  severity: Severity;
  /** Which part of the system, sensor or entry. */
  source: string;
}

/** Where and when an object is expected to come down. */
export interface Forecast {
  /** When. */
  impact: Timestamp;
  /** Standard deviation of the time, 0 to 3,600 s. */
  impact_sigma_s: number;
  /** Where, with its 1-sigma ellipse. */
  region: Region;
}

/** Latitude, longitude and height above the WGS 84 ellipsoid. */
export interface Geodetic {
  height_m: number;
  lat_deg: number;
  lon_deg: number;
}

/** Where and when an object will land. */
export interface Impact {
  /** Latitude, degrees. */
  lat_deg: number;
  /** Longitude, degrees. */
  lon_deg: number;
  /** Direction of the longer axis, clockwise from north, degrees, 0 to 180. */
  orientation_deg: number;
  /** The 90% ellipse as a closed ring of longitude, latitude. */
  region: [number, number][];
  /** Half the longer axis of the 90% ellipse, metres. */
  semi_major_m: number;
  /** Half the shorter axis of the 90% ellipse, metres. */
  semi_minor_m: number;
  /** When. */
  time: Timestamp;
  /** Its standard deviation, seconds. */
  time_sigma_s: number;
}

/** A log of which a view lacks something that is on its way: until it has come the picture is incomplete. */
export interface Incomplete {
  /** Entries that are missing. */
  entries: number;
  /** The log. */
  id: LogId;
  /** Its precedence. */
  lane: "flash" | "immediate" | "priority" | "routine";
  /** Which, ascending. */
  missing: Missing[];
  /** Whose it is. */
  partner: PartnerId;
}

/** What became of a feed. */
export interface Ingested {
  /** Entries appended. */
  appended: number;
  /** Their ids. */
  entries: string[];
  /** Plots in them. */
  plots: number;
  /** Records that were not used, with the reason. */
  skipped: Record<string, number>;
}

/** One lane of a line. */
export interface Lane {
  /** Nodes that cosigned the same checkpoints of the other node's log. */
  cross_checked_by: NodeId[];
  /** Of those, held by the other node. */
  held: number;
  /** Its precedence. */
  lane: "flash" | "immediate" | "priority" | "routine";
  /** What is missing below it, ascending: the lane went ahead after a break, and this is on its way. */
  missing: Missing[];
  /** The size of the other node's log up to which it is followed here. */
  received: number;
  /** Entries in this node's own log. */
  sent: number;
}

/** Where and when an object started. */
export interface Launch {
  /** Latitude, degrees. */
  lat_deg: number;
  /** Longitude, degrees. */
  lon_deg: number;
  /** The 90% region as a closed ring of longitude, latitude. */
  region: [number, number][];
  /** When. */
  time: Timestamp;
  /** Its standard deviation, seconds. */
  time_sigma_s: number;
}

/** The line to one other node. */
export interface Line {
  /** What carries it. */
  carrier: string;
  /** What the last test of the line with real entries found, since this run of the node began. */
  check: LineCheckResult | null;
  /** The other node's clock minus this one's, wall milliseconds. */
  clock_offset_ms: number | null;
  /** The node at the other end. */
  id: NodeId;
  /** Half of the shortest recent round trip, wall milliseconds. */
  lag_ms: number | null;
  /** The four lanes. */
  lanes: Lane[];
  /** When anything was last heard, picture time. */
  last_heard: Timestamp | null;
  /** Why it is not up. */
  note: string | null;
  /** Whose it is. */
  partner: PartnerId;
  /** When it came into that state, picture time. */
  since: Timestamp;
  /** By the time since anything was heard. */
  state: LineState;
  /** Whether the other node signed two histories: nothing more of it is taken until its roster names another key, and what it said is contested. */
  suspended: boolean;
  /** The node that carries frames between the two, sealed, while they have no connection. */
  via: NodeId | null;
}

/** What a check found. */
export interface LineCheckAnswer {
  /** Who could read the entries. */
  audience: string;
  /** The lane. */
  lane: string;
  /** Milliseconds until an entry was durable here, half of them and 99 in a hundred. */
  local: LineCheckLatency | null;
  /** Each node tested, in order. */
  nodes: LineCheckResult[];
  /** Entries appended. */
  sent: number;
  /** Bytes of content of each entry. */
  size: number;
}

/** Times, wall milliseconds, by nearest rank. */
export interface LineCheckLatency {
  /** The longest. */
  max_ms: number;
  /** Half are at most this. */
  p50_ms: number;
  /** Of a hundred 99 are at most this. */
  p99_ms: number;
}

/** What to test. */
export interface LineCheckOrder {
  /** How many entries, 1 to 100; 10 if absent. */
  count?: number | null;
  /** The partner; every partner of the widest audience if absent. */
  partner?: string | null;
  /** `flash`, `immediate`, `priority` or `routine`: the lane; routine if absent. */
  precedence?: string | null;
  /** Bytes of content of each, 16 to 16,384; 256 if absent. All of them at most 65,536. */
  size?: number | null;
}

/** What a check found of one node. */
export interface LineCheckResult {
  /** When the check began, picture time. */
  at: Timestamp;
  /** Entries this node's signature says it holds. */
  held: number;
  /** The lane tested. */
  lane: string;
  /** From the append to its `holds`; nothing if it holds none. */
  latency: LineCheckLatency | null;
  /** Entries it does not hold in time. */
  lost: number;
  /** The node. */
  node: NodeId;
  /** Whose it is. */
  partner: PartnerId;
  /** Entries appended. */
  sent: number;
  /** Bytes of content of each entry. */
  size: number;
}

/** By the time since anything was heard on a line. */
export type LineState = "up" | "late" | "lost";

/** A one-time log-in link. */
export interface Link {
  /** Opens the console once. */
  url: string;
}

export type LogId = string;

/** A length or height. */
export type Metres = number;

/** A part of a log that is missing here. */
export interface Missing {
  /** Its first entry. */
  from: number;
  /** The entry after its last. */
  to: number;
}

export type NodeId = string;

/** This node. */
export interface NodeInfo {
  /** How picture time runs. */
  clock: PictureClock;
  /** The charter's edition. */
  edition: number;
  /** The exercise's name, or null in operations. */
  exercise: string | null;
  /** The node, such as `KOR-1`. */
  id: NodeId;
  /** What does not. */
  notes: string[];
  /** Whose it is. */
  partner: PartnerId;
  /** `operational` or `exercise/NAME`. */
  realm: string;
  /** When this run of the node began, picture time. */
  started: Timestamp;
  /** Whether everything works. */
  state: NodeState;
  /** The view these items show. */
  view: string;
  /** Every view this node folds. */
  views: string[];
}

/** One node it would go to. */
export interface NodePreview {
  /** Entries of that lane which go first. */
  ahead_entries: number;
  /** Over what the charter's line to it runs; null if there is none. */
  carrier: string | null;
  /** Whether it would leave at once. */
  connected: boolean;
  /** `up`, `late` or `lost`. */
  line: string;
  /** The node. */
  node: NodeId;
}

/** What one node has stated about one entry. Times are of its own clock, to the second. */
export interface NodeReceipt {
  /** Whether the audience has its partner; null where that is not known here. */
  addressed: boolean | null;
  /** When it first stated that it holds the entry. */
  held: Timestamp | null;
  /** The size of the log that the first holding statement covers. */
  holds_size: number | null;
  /** The node. */
  node: NodeId;
  /** Whose it is. */
  partner: PartnerId;
  /** The signed lines, as C2SP notes carry them. */
  proof: string[];
  /** The first entry, and the first after, of a range held above a gap. */
  range: [number, number] | null;
  /** `origin`, `here`, `holds`, `witness` or `none`. */
  state: "origin" | "here" | "holds" | "witness" | "none";
  /** The size of the log that the first witnessing statement covers. */
  witness_size: number | null;
  /** When it first witnessed a tree with the entry. */
  witnessed: Timestamp | null;
}

/** Whether everything works. */
export type NodeState = "ok" | "degraded";

/** What is known of one entry and one node. */
export interface NodeWhyAnswer {
  /** Their bytes as stored. */
  ahead_bytes: number;
  /** Whether there are more bytes than were counted. */
  ahead_bytes_more: boolean;
  /** Entries of the lane that go first. */
  ahead_entries: number;
  /** Over what the charter's line to it runs; null if there is none. */
  carrier: string | null;
  /** Whether a connection stands. */
  connected: boolean;
  /** Entries of the log below which it holds everything addressed to it. */
  holds: number;
  /** When its newest statement about the log was made, by its own clock. */
  last_receipt: Timestamp | null;
  /** `up`, `late` or `lost`. */
  line: string;
  /** The node. */
  node: NodeId;
  /** Seconds since anything was heard. */
  quiet_s: number | null;
  /** The reason in one word. */
  reason: string;
  /** Entries of the log that were sent, or that the node has. */
  sent: number;
  /** Entries of the log it has witnessed. */
  witnessed: number;
}

/** An officer and the signature over the act. */
export interface Officer {
  /** Name of the key, up to 128 bytes. */
  key_id: string;
  /** Name in the partner's list of officers, 1 to 128 bytes. */
  name: string;
  /** The signature as text, up to 4,096 bytes. */
  signature: string;
}

export type PartnerId = string;

/** What one partner would get. */
export interface PartnerPreview {
  /** Why no more than a leaf hash: `not-in-audience`, `withheld` or `not-a-partner`. */
  hidden: string | null;
  /** Where it would go. */
  nodes: NodePreview[];
  /** The partner. */
  partner: PartnerId;
  /** `whole` or `leaf-hash`. */
  sees: "whole" | "leaf-hash";
}

/** A draft that waits for an officer. */
export interface PendingDraft {
  /** What it would do. */
  action: Action;
  /** When it was drafted. */
  drafted: Timestamp;
  /** The draft's entry: what a release must name. */
  entry: EntryId;
  /** Why. */
  reason: Reason;
}

/** How picture time runs. */
export interface PictureClock {
  /** When picture time began. */
  epoch: Timestamp;
  /** Picture seconds per wall second; 1 outside exercises. */
  rate: number;
}

/** What the next bundle for a node is made of. */
export interface Plan {
  /** The charter edition in force at this node. */
  charter_edition: number;
  /** Its hash, hexadecimal. */
  charter_hash: string;
  /** The first frames, base 64. */
  frames: string[];
  /** Then the stored batches of these logs. */
  logs: PlannedLog[];
  /** The time in it. */
  made: Timestamp;
  /** Which bundle from this node to that one. */
  number: number;
  /** Whom it is for. */
  to: NodeId;
}

/** A part of a log that goes into a bundle. */
export interface PlannedLog {
  /** The one after the last. */
  end: number;
  /** The first entry. */
  from: number;
  /** The log. */
  log: string;
}

/** One plot of a scan. */
export interface Plot {
  /** Measurement time less the scan's reference time, nanoseconds, within ± 60 s. */
  offset_ns: TimeDelta;
  /** What was measured. */
  report: PlotReport;
}

/** One plot of one entry. */
export interface PlotRef {
  /** The scan's entry. */
  entry: EntryId;
  /** Which of its plots, from 0. */
  plot: number;
}

/** What a plot says. */
export type PlotReport = {
  radar: {
    /** Clockwise from true north, degrees, -360 to 360. */
    azimuth_deg: number;
    /** Above the local horizontal, degrees, -90 to 90. */
    elevation_deg: number;
    /** Slant range, metres, 1 m to 100,000 km. */
    range_m: number;
    /** Sigmas of this plot where they differ from the sensor's. */
    sigmas?: PolarSigmas | null;
  };
} | {
  geodetic: {
    /** Height above the ellipsoid, metres. */
    height_m: number;
    /** WGS 84 latitude, degrees. */
    lat_deg: number;
    /** WGS 84 longitude, degrees. */
    lon_deg: number;
    /** Standard deviation in each direction, metres, 0.1 to 1,000 km. */
    sigma_m: number;
  };
} | {
  asterix: AsterixReport;
};

/** Standard deviations of a polar plot, in the ranges of [`SensorInfo`]. */
export interface PolarSigmas {
  /** Of azimuth, degrees. */
  azimuth_deg: number;
  /** Of elevation, degrees. */
  elevation_deg: number;
  /** Of slant range, metres. */
  range_m: number;
}

/** What a release or append would send to whom. */
export interface Preview {
  /** Who may read it. */
  audience: string;
  /** Bytes of content before sealing. */
  bytes: number;
  /** Entries it cites that some reader may not read: these readers learn that there is such an entry, and nothing of it but an opaque handle. */
  downgraded: Downgraded[];
  /** The kind of statement. */
  kind: string;
  /** The lane it would go into. */
  lane: string;
  /** Every other partner of the charter. */
  partners: PartnerPreview[];
  /** Whether it also becomes a public alert, which names evidence by opaque handles only. */
  public_alert: boolean;
  /** The answer in one sentence. */
  sentence: string;
}

/** An RFC 9457 problem. */
export interface Problem {
  /** What was expected and what came. */
  detail: string;
  /** How to mend it. */
  hint: string | null;
  /** The HTTP status. */
  status: number;
  /** The kind in words. */
  title: string;
  /** A URI reference that names the kind of problem. */
  type: string;
}

/** A statement to append. */
export interface Proposal {
  /** Who may read it; all partners if absent. */
  audience?: string | null;
  /** Content of the kind's schema. */
  content: unknown;
  /** The kind, such as `track.scan`. */
  kind: string;
  /** `local` (if absent), `partners(K)` or `all`. */
  level?: string | null;
  /** `flash`, `immediate`, `priority` or `routine`; the kind's own if absent. */
  precedence?: string | null;
  /** How long to wait for the level; 10,000 if absent. */
  timeout_ms?: number | null;
}

/** Why a message is proposed; it chooses the text. */
export type Reason = "threat" | "changed" | "fell" | "passed" | "unsupported" | "mistake";

/** Content of `correction.recall`, edition 1. */
export interface RecallReport {
  /** The entries withdrawn, ascending, each once: 1 to 256. */
  cited: EntryId[];
  /** Who. */
  officer: Officer;
  /** Why, 1 to 1,000 bytes. */
  reason: string;
}

/** A place with its 1-sigma error ellipse. */
export interface Region {
  /** Latitude of the centre, WGS 84. */
  lat: Degrees;
  /** Longitude of the centre, WGS 84. */
  lon: Degrees;
  /** Direction of the major axis, clockwise from north. */
  orientation: Degrees;
  /** Standard deviation along the major axis. */
  semi_major: Metres;
  /** Standard deviation along the minor axis. */
  semi_minor: Metres;
}

/** A checked release. */
export interface Release {
  /** The draft the officer saw and releases. */
  draft: EntryId;
  /** A word to the other partners, up to 1,000 bytes; not for the public. */
  note?: string | null;
  /** Who. */
  officer: Officer;
  /** Which warning. */
  warning: WarningId;
}

/** How a [`ReplacementReport`] reads as JSON. */
export interface ReplacementReport {
  /** The entry mended or replaced. */
  cited: EntryId;
  /** The new content, of the kind's schema. */
  content: unknown;
  /** The edition of that kind. */
  edition: number;
  /** The kind of the new content: that of the entry, or of what a cited correction gives. */
  kind: string;
  /** Who. */
  officer: Officer;
  /** Why, 1 to 1,000 bytes. */
  reason: string;
}

/** A scan whose every number has been checked. */
export interface Scan {
  /** Reference time of the scan. */
  measured: Timestamp;
  /** At most [`limits::SCAN_PLOTS_MAX`]. */
  plots: Plot[];
  /** The sensor's running number of the scan. */
  scan: number;
  /** Who measured, and how well. */
  sensor: SensorInfo;
}

/** One sensor. */
export interface Sensor {
  /** Height of the site, metres. */
  height_m: number | null;
  /** Partner and id. */
  id: string;
  /** What it measures. */
  kind: SensorKind;
  /** Time of the last one. */
  last_scan: Timestamp;
  /** Latitude of the site, degrees. */
  lat_deg: number | null;
  /** Longitude of the site, degrees. */
  lon_deg: number | null;
  /** Whose sensor. */
  partner: PartnerId;
  /** Scans folded. */
  scans: number;
  /** Whether it is heard. */
  state: SensorState;
}

/** A sensor as its scans describe it; every scan carries it, so that an entry stands alone. */
export interface SensorInfo {
  /** Expected false plots in one scan, 0 to [`limits::SCAN_PLOTS_MAX`]. */
  clutter: number;
  /** 1 to 64 ASCII letters, digits, `-`, `_`, `.` or `/`; unique within the partner. */
  id: string;
  /** What it measures. */
  kind: SensorKind;
  /** Whose sensor it is. */
  partner: PartnerId;
  /** Probability of detection in one scan, 0.001 to 1. */
  pd: number;
  /** Seconds from one look at a place to the next, 0.001 to 3,600. */
  period_s: number;
  /** Its site; needed for radars and ASTERIX, else it may be unknown. */
  position?: Geodetic | null;
  /** Standard deviation of azimuth, degrees, 0.0001 to 45. */
  sigma_azimuth_deg: number;
  /** Standard deviation of elevation, degrees, 0.0001 to 45. */
  sigma_elevation_deg: number;
  /** Standard deviation of slant range, metres, 0.1 to 100 km (may be 0 for geodetic sensors, whose plots carry their own, like the next two). */
  sigma_range_m: number;
}

/** What a sensor measures. */
export type SensorKind = "radar" | "geodetic" | "asterix";

/** Whether a sensor is heard. */
export type SensorState = "live" | "stale" | "lost";

/** How bad a finding is. */
export type Severity = "info" | "warning" | "error";

/** The whole state. */
export interface Snapshot {
  /** Items by collection and id. */
  collections: Record<string, Record<string, unknown>>;
  /** Picture time at sending. */
  now: Timestamp;
  /** Number of the last change in it. */
  seq: number;
  /** The view it shows. */
  view: string;
}

/** What the node is and how it stands. */
export interface Status {
  /** Whether the console was built in. */
  console: boolean;
  /** Facts folded, by view. */
  facts: Record<string, number>;
  /** Its lines. */
  lines: Line[];
  /** Entries held without gaps, by log. */
  logs: Record<string, number>;
  /** The node. */
  node: NodeInfo;
  /** Picture time. */
  now: Timestamp;
  /** Whether every partner that should hold them holds all of this node's entries. */
  receipts_complete: boolean;
  /** Facts folded again because one came late, by view. */
  refolded: Record<string, number>;
}

/** What a message says: the forecast, the districts and what it rests on. */
export interface Subject {
  /** On or close to land, or farther off. */
  area: Area;
  /** The owner's districts it touches, or at sea the nearest of the owner's, at most three; in code order, never empty. */
  districts: DistrictShare[];
  /** The entries it rests on, newest last, at most 16. */
  evidence: EntryId[];
  /** Where and when. */
  forecast: Forecast;
}

/** A text in the three languages; a table field or a fixed phrase. */
export interface Text {
  /** English. */
  en: string;
  /** Japanese. */
  ja: string;
  /** Korean. */
  ko: string;
}

/** A signed length of time in nanoseconds; arithmetic saturates. */
export type TimeDelta = number;

/** RFC 3339, UTC, up to nanoseconds */
export type Timestamp = string;

/** One track. */
export interface Track {
  /** Other ids it had. */
  aliases: string[];
  /** Its highest point, of ballistic objects. */
  apogee: Apogee | null;
  /** What it is. */
  class: TrackClass;
  /** Vertical speed, positive up, m/s. */
  climb_mps: number;
  /** Whether every one of those is of a node that signed two histories. */
  contested: boolean;
  /** Direction over ground, clockwise from north, degrees. */
  course_deg: number;
  /** The newest entries it rests on, at most 16, oldest first. */
  evidence: string[];
  /** Time of the first plot. */
  first_seen: Timestamp;
  /** Height above the ellipsoid, metres. */
  height_m: number;
  /** Internal id, derived from the first plot. */
  id: string;
  /** What a transponder said. */
  identity: TrackIdentity;
  /** Where it will land, of ballistic objects. */
  impact: Impact | null;
  /** Latitude, degrees. */
  lat_deg: number;
  /** Where it started, of ballistic objects. */
  launch: Launch | null;
  /** Longitude, degrees. */
  lon_deg: number;
  /** What it is doing. */
  phase: TrackPhase;
  /** Plots used. */
  plots: number;
  /** Root of the summed variances of the position, metres. */
  position_sigma_m: number;
  /** Declared id, the same in every view. */
  public_id: string | null;
  /** Who contributed. */
  sources: TrackSource[];
  /** Speed over the turning Earth, m/s. */
  speed_mps: number;
  /** How far it is believed. */
  state: TrackState;
  /** Where it was: longitude, latitude, height; at most 64 points, oldest first. */
  trail: [number, number, number][];
  /** Time of the last plot. */
  updated: Timestamp;
}

/** What a track is. */
export type TrackClass = "ballistic" | "aircraft" | "unknown";

/** What a transponder said. */
export interface TrackIdentity {
  /** Aircraft address, six hexadecimal digits. */
  aircraft_address: string | null;
  /** Aircraft identification. */
  callsign: string | null;
  /** Mode 3/A code, four octal digits. */
  mode_3a: string | null;
  /** The radar's own track number. */
  track_number: number | null;
}

/** What a track is doing. */
export type TrackPhase = "boost" | "coast" | "reentry" | "landed" | "level" | "climb" | "descent" | "unknown";

/** A sensor's share in a track. */
export interface TrackSource {
  /** Whose sensor. */
  partner: PartnerId;
  /** Plots used. */
  plots: number;
  /** The sensor's id. */
  sensor: string;
  /** Time of the last one. */
  updated: Timestamp;
}

/** How far a track is believed. */
export type TrackState = "tentative" | "confirmed" | "stale" | "lost";

/** One row of the warnings table. */
export interface Warning {
  /** Whether people on land or ships and aircraft are warned. */
  area: Area;
  /** Who may read it, such as `JPN+KOR+USA`. */
  audience: string;
  /** CAP's word. */
  certainty: string;
  /** Whether that entry, or everything it rests on, is of a node that signed two histories: such a warning calls nobody. */
  contested: boolean;
  /** The districts, in code order; at sea the nearest ones, `nearby_only` with probability 0. */
  districts: WarningDistrict[];
  /** When it was first drafted. */
  drafted: Timestamp;
  /** The entry by which something was proposed or said last. */
  entry: EntryId;
  /** The entries it rests on, newest last. */
  evidence: EntryId[];
  /** One line by language. */
  headline: Text;
  /** The warning's name. */
  id: string;
  /** Expected time of impact. */
  impact_time: Timestamp;
  /** Its standard deviation, seconds. */
  impact_time_sigma_s: number;
  /** Whether that entry came here late, after a gap: such a warning calls nobody. */
  late: boolean;
  /** The object's public id. */
  object: string;
  /** The partner that owns it. */
  owner: string;
  /** The draft that waits for an officer. */
  pending: PendingDraft | null;
  /** 1 (purple, most urgent) to 4 (yellow). */
  priority: 1 | 2 | 3 | 4;
  /** `Actual` or `Exercise`, `null` before the node has said which. */
  realm_status: "Actual" | "Exercise" | null;
  /** CAP identifiers of the messages so far, oldest first. */
  references: string[];
  /** When it was first released. */
  released: Timestamp | null;
  /** The officer who released it first. */
  released_by: string | null;
  /** Number of the newest message, 0 before the first. */
  sequence: number;
  /** CAP's word. */
  severity: string;
  /** The partners whose entries it rests on, such as `JPN+KOR`. */
  source: string;
  /** `draft`, `released`, `updated`, `cancelled` or `expired`. */
  state: "draft" | "released" | "updated" | "cancelled" | "expired";
  /** Whether the forecast it rests on stands; `false` raises an alarm. */
  supported: boolean;
  /** CAP's word. */
  urgency: string;
}

/** A district of a warning. */
export interface WarningDistrict {
  /** ISO 3166-2 code. */
  code: string;
  /** Its name by language. */
  name: Text;
  /** Only the margin around the 99 % region reaches it. */
  nearby_only: boolean;
  /** The partner. */
  partner: string;
  /** How likely the impact lies inside it, 0 to 1. */
  probability: number;
}

export type WarningId = string;

/** An officer's remark. */
export interface WarningNote {
  /** The draft the officer saw: the act is refused if a newer one has come. The newest if absent. */
  draft?: EntryId | null;
  /** Free text for the other partners, kept in the entry. */
  note?: string | null;
  /** Why a warning is cancelled; the pending draft's reason, else a mistake, if absent. */
  reason?: Reason | null;
}

/** Why a partner has or has not got an entry. */
export interface WhyAnswer {
  /** Who may read it. */
  audience: string;
  /** The charter edition this was judged by. */
  charter_edition: number;
  /** The entry. */
  entry: string;
  /** Whether the partner has it, as far as this node knows. */
  has_it: boolean;
  /** Why no more than a leaf hash: `not-in-audience`, `withheld` or `not-a-partner`. */
  hidden: string | null;
  /** The lane. */
  lane: string;
  /** The partner's nodes. */
  nodes: NodeWhyAnswer[];
  /** The number of the origin's roster, which says whom it withholds from. */
  origin_roster: number;
  /** The partner asked about. */
  partner: PartnerId;
  /** The reason in one word. */
  reason: string;
  /** The number of the partner's roster. */
  roster: number;
  /** `whole` or `leaf-hash`: what the partner sees now. */
  sees: string;
  /** The answer in one sentence. */
  sentence: string;
}

/** The item type of each collection a domain contributes. */
export interface CollectionItems {
  /** Logs of the view of which something is missing: not empty while the picture is incomplete */
  'incomplete': Incomplete;
  /** Sensors */
  'track.sensors': Sensor;
  /** Tracks */
  'track.tracks': Track;
  /** Warnings */
  'warning.warnings': Warning;
}
