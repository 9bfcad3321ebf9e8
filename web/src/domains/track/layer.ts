/** Tracks, sensors, launch and impact areas on the map overlay. */
import type { Impact, Sensor, Track } from '../../app/model';
import { Projector, type Camera, type Size } from '../../kit/map/camera';
import { nearest } from '../../kit/map/hit';
import type { OverlayLayer, Palette } from '../../kit/map/view';
import { isUnseen, nameOf } from './order';
import { SYMBOL_PX, Symbols } from './symbols';

/** Above this many tracks only ballistic and selected ones get trails, rings and labels. */
const DENSE_TRACKS = 300;
const LABEL_ZOOM_MIN = 6;
const LEADER_S = 60;
const HIT_PX = 14;
const RADIANS = Math.PI / 180;

interface Brush {
  context: CanvasRenderingContext2D;
  projector: Projector;
  palette: Palette;
  zoom: number;
}

export class TrackLayer implements OverlayLayer {
  #tracks: readonly Track[] = [];
  #sensors: readonly Sensor[] = [];
  #selection: string | null = null;
  /** Pixel pairs of the last paint, in the order of `#tracks`. */
  #points = new Float32Array(0);
  #symbols: { palette: Palette; ratio: number; symbols: Symbols } | null = null;

  /** Tracks are painted in the order given, so the most important comes last. */
  show(tracks: readonly Track[], sensors: readonly Sensor[], selection: string | null): void {
    this.#tracks = tracks.filter((track) => Number.isFinite(track.lat_deg) && Number.isFinite(track.lon_deg));
    this.#sensors = sensors;
    this.#selection = selection;
  }

  paint(context: CanvasRenderingContext2D, camera: Camera, size: Size, palette: Palette): void {
    const brush = { context, palette, projector: new Projector(camera, size), zoom: camera.zoom };
    this.#project(brush.projector);
    for (const sensor of this.#sensors) paintSensor(brush, sensor);
    const dense = this.#tracks.length > DENSE_TRACKS;
    this.#tracks.forEach((track) => {
      if (track.impact !== null || track.launch !== null) paintAreas(brush, track);
      if (!dense || this.#isKey(track)) paintTrail(brush, track);
    });
    this.#paintLeaders(brush, size);
    this.#paintSymbols(brush, size);
    this.#tracks.forEach((track, at) => {
      const labelled = this.#isKey(track) || (!dense && camera.zoom >= LABEL_ZOOM_MIN);
      if (labelled) this.#paintLabel(brush, track, at);
    });
  }

  hit(x_px: number, y_px: number): string | null {
    const at = nearest(this.#points, x_px, y_px, HIT_PX);
    return at === null ? null : (this.#tracks[at]?.id ?? null);
  }

  #isKey(track: Track): boolean {
    return track.class === 'ballistic' || track.id === this.#selection;
  }

  #project(projector: Projector): void {
    if (this.#points.length !== this.#tracks.length * 2) this.#points = new Float32Array(this.#tracks.length * 2);
    this.#tracks.forEach((track, at) => {
      this.#points[2 * at] = projector.x(track.lon_deg);
      this.#points[2 * at + 1] = projector.y(track.lat_deg);
    });
  }

  #paintLeaders(brush: Brush, size: Size): void {
    const { context, projector, palette } = brush;
    for (const kind of ['aircraft', 'unknown', 'ballistic'] as const) {
      context.beginPath();
      this.#tracks.forEach((track, at) => {
        const [x, y] = this.#at(at);
        if (track.class !== kind || isUnseen(track) || outside(x, y, size)) return;
        const level_mps = Math.sqrt(Math.max(0, track.speed_mps ** 2 - track.climb_mps ** 2));
        const length_px = Math.min(80, projector.length_px(level_mps * LEADER_S, track.lat_deg));
        if (length_px < 3) return;
        context.moveTo(x, y);
        context.lineTo(x + Math.sin(track.course_deg * RADIANS) * length_px, y - Math.cos(track.course_deg * RADIANS) * length_px);
      });
      context.strokeStyle = palette[kind];
      context.lineWidth = 1.2;
      context.stroke();
    }
  }

  #paintSymbols(brush: Brush, size: Size): void {
    const { context, palette } = brush;
    const ratio = devicePixelRatio;
    if (this.#symbols?.palette !== palette || this.#symbols.ratio !== ratio) {
      this.#symbols = { palette, ratio, symbols: new Symbols(palette, ratio) };
    }
    const { symbols } = this.#symbols;
    this.#tracks.forEach((track, at) => {
      const [x, y] = this.#at(at);
      if (outside(x, y, size)) return;
      if (this.#isKey(track)) paintUncertainty(brush, track, x, y);
      const left = Math.round(x - SYMBOL_PX / 2);
      context.drawImage(symbols.of(track), left, Math.round(y - SYMBOL_PX / 2), SYMBOL_PX, SYMBOL_PX);
      if (track.id === this.#selection) paintSelection(brush, x, y);
    });
  }

  #paintLabel(brush: Brush, track: Track, at: number): void {
    const [x, y] = this.#at(at);
    paintText(brush, nameOf(track), x + 12, y - 8, brush.palette[track.class]);
  }

  #at(at: number): [number, number] {
    return [this.#points[2 * at] ?? 0, this.#points[2 * at + 1] ?? 0];
  }
}

function paintTrail({ context, projector, palette }: Brush, track: Track): void {
  if (track.trail.length === 0) return;
  context.beginPath();
  projector.trace(context, [...track.trail, [track.lon_deg, track.lat_deg]]);
  context.strokeStyle = palette[track.class];
  context.globalAlpha = 0.55;
  context.lineWidth = track.class === 'ballistic' ? 1.6 : 1;
  context.stroke();
  context.globalAlpha = 1;
}

/** Launch area dotted, impact area solid; both named by the legend. */
function paintAreas(brush: Brush, track: Track): void {
  const { context, projector, palette } = brush;
  if (track.launch !== null) {
    paintRing(brush, track.launch.region, palette.unknown, [2, 3]);
    const [x, y] = [projector.x(track.launch.lon_deg), projector.y(track.launch.lat_deg)];
    context.beginPath();
    context.arc(x, y, 3, 0, 2 * Math.PI);
    context.fillStyle = palette.unknown;
    context.fill();
  }
  if (track.impact !== null) {
    paintRing(brush, track.impact.region, palette.ballistic, []);
    paintImpactPoint(brush, track.impact);
  }
}

function paintRing({ context, projector }: Brush, ring: readonly (readonly number[])[], colour: string, dash: number[]): void {
  if (ring.length < 3) return;
  context.beginPath();
  projector.trace(context, ring);
  context.closePath();
  context.fillStyle = context.strokeStyle = colour;
  context.globalAlpha = 0.16;
  context.fill();
  context.globalAlpha = 1;
  context.lineWidth = 1.6;
  context.setLineDash(dash);
  context.stroke();
  context.setLineDash([]);
}

function paintImpactPoint({ context, projector, palette }: Brush, impact: Impact): void {
  const [x, y] = [projector.x(impact.lon_deg), projector.y(impact.lat_deg)];
  context.beginPath();
  for (const [dx, dy] of [[1, 1], [1, -1]] as const) {
    context.moveTo(x - 6 * dx, y - 6 * dy);
    context.lineTo(x + 6 * dx, y + 6 * dy);
  }
  context.lineWidth = 4;
  context.strokeStyle = palette.halo;
  context.stroke();
  context.lineWidth = 2;
  context.strokeStyle = palette.ballistic;
  context.stroke();
}

/** Two sigma around the position, where it is larger than the symbol. */
function paintUncertainty({ context, projector, palette }: Brush, track: Track, x: number, y: number): void {
  const radius_px = projector.length_px(2 * track.position_sigma_m, track.lat_deg);
  if (!(radius_px > SYMBOL_PX / 2) || radius_px > 2_000) return;
  context.beginPath();
  context.arc(x, y, radius_px, 0, 2 * Math.PI);
  context.strokeStyle = palette[track.class];
  context.lineWidth = 1;
  context.setLineDash([3, 3]);
  context.stroke();
  context.setLineDash([]);
}

function paintSelection({ context, palette }: Brush, x: number, y: number): void {
  context.beginPath();
  context.rect(x - 13, y - 13, 26, 26);
  context.strokeStyle = palette.selection;
  context.lineWidth = 2;
  context.stroke();
}

function paintSensor(brush: Brush, sensor: Sensor): void {
  if (sensor.lat_deg === null || sensor.lon_deg === null) return;
  const { context, projector, palette } = brush;
  const [x, y] = [projector.x(sensor.lon_deg), projector.y(sensor.lat_deg)];
  context.beginPath();
  context.arc(x, y - 3, 5, Math.PI * 0.15, Math.PI * 0.85);
  context.moveTo(x, y + 2);
  context.lineTo(x, y + 7);
  context.moveTo(x - 4, y + 7);
  context.lineTo(x + 4, y + 7);
  context.strokeStyle = palette.sensor;
  context.lineWidth = 1.6;
  context.globalAlpha = sensor.state === 'live' ? 1 : 0.75;
  if (sensor.state !== 'live') context.setLineDash([2, 2]);
  context.stroke();
  context.setLineDash([]);
  context.globalAlpha = 1;
  if (brush.zoom >= LABEL_ZOOM_MIN) paintText(brush, sensor.id, x + 8, y + 8, palette.sensor);
}

function paintText({ context, palette }: Brush, text: string, x: number, y: number, colour: string): void {
  context.font = '600 11px system-ui, sans-serif';
  context.lineJoin = 'round';
  context.lineWidth = 3;
  context.strokeStyle = palette.halo;
  context.strokeText(text, x, y);
  context.fillStyle = colour;
  context.fillText(text, x, y);
}

function outside(x: number, y: number, size: Size): boolean {
  return x < -SYMBOL_PX || y < -SYMBOL_PX || x > size.width_px + SYMBOL_PX || y > size.height_px + SYMBOL_PX;
}
