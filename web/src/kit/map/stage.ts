/** The stage: one base map below, one overlay canvas above, one camera, one repaint a frame. */
import { Projector, boundsOf, clampCamera, fitted, type Camera, type Size } from './camera';
import { control, keyMove } from './control';
import { paletteOf, type Districts, type Highlight, type MapView, type OverlayLayer, type Palette } from './view';

export interface StageParts {
  host: HTMLElement;
  base: HTMLElement;
  overlay: HTMLCanvasElement;
  layer: OverlayLayer;
  camera: Camera;
  pick(id: string | null): void;
}

const FIT_MARGIN_PX = 60;
const PAINT_MEASURE = 'watchfire:overlay';
const MEASURES_MAX = 100;

export class Stage {
  readonly #parts: StageParts;
  readonly #observer: ResizeObserver;
  readonly #release: () => void;
  #camera: Camera;
  #size: Size = { width_px: 1, height_px: 1 };
  #palette: Palette;
  #base: MapView | null = null;
  #districts: Districts | null = null;
  #highlight: Highlight = new Map();
  #frame = 0;
  #baseStale = true;
  /** What must stay in view; null once somebody has moved the map by hand. */
  #kept: readonly (readonly number[])[] | null = [];

  constructor(parts: StageParts) {
    this.#parts = parts;
    this.#camera = parts.camera;
    this.#palette = paletteOf(parts.host);
    this.#observer = new ResizeObserver(() => this.#resize());
    this.#observer.observe(parts.host);
    this.#release = control(parts.overlay, {
      camera: () => this.#camera,
      size: () => this.#size,
      move: (camera) => this.#move(camera),
      click: (x, y) => parts.pick(parts.layer.hit(x, y)),
    });
    this.#resize();
  }

  get camera(): Camera {
    return this.#camera;
  }

  get palette(): Palette {
    return this.#palette;
  }

  /** Puts another base map under the overlay. */
  use(base: MapView): void {
    this.#base?.destroy();
    this.#base = base;
    base.palette(this.#palette);
    if (this.#districts !== null) base.districts(this.#districts);
    base.highlight(this.#highlight);
    this.#baseStale = true;
    this.repaint();
  }

  look(camera: Camera): void {
    this.#camera = clampCamera(camera, this.#size);
    this.#baseStale = true;
    this.repaint();
  }

  /** Keeps points in view: the camera moves only when one has left it, and never against a hand. */
  follow(points: () => readonly (readonly number[])[]): void {
    if (this.#kept === null) return;
    const wanted = points();
    const projector = new Projector(this.#camera, this.#size);
    const first = this.#kept.length === 0 && wanted.length > 0;
    if (first || !wanted.every((point) => isInside(projector, point, this.#size))) this.#fit(wanted);
    this.#kept = wanted;
  }

  /** Shows all these points, and follows again what must stay in view. */
  show(points: readonly (readonly number[])[]): void {
    this.#kept = points;
    this.#fit(points);
  }

  #fit(points: readonly (readonly number[])[]): void {
    const bounds = boundsOf(points);
    if (bounds === null) return;
    const camera = fitted(bounds, this.#size, FIT_MARGIN_PX);
    this.look({ ...camera, zoom: Math.min(camera.zoom, 7) });
  }

  /** Moves by a key; false where the key means nothing here. */
  key(key: string): boolean {
    const camera = keyMove(key, this.#camera, this.#size);
    if (camera === null) return false;
    this.#move(camera);
    return true;
  }

  zoom(steps: number): void {
    this.key(steps > 0 ? '+' : '-');
  }

  #move(camera: Camera): void {
    this.#kept = null;
    this.look(camera);
  }

  setDistricts(districts: Districts): void {
    this.#districts = districts;
    this.#base?.districts(districts);
  }

  setHighlight(highlight: Highlight): void {
    this.#highlight = highlight;
    this.#base?.highlight(highlight);
  }

  /** Reads the colours again after the theme changed. */
  rethemed(): void {
    this.#palette = paletteOf(this.#parts.host);
    this.#base?.palette(this.#palette);
    this.repaint();
  }

  repaint(): void {
    if (this.#frame !== 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#paint();
    });
  }

  destroy(): void {
    cancelAnimationFrame(this.#frame);
    this.#observer.disconnect();
    this.#release();
    this.#base?.destroy();
  }

  #resize(): void {
    const { clientWidth, clientHeight } = this.#parts.host;
    if (clientWidth === 0 || clientHeight === 0) return;
    this.#size = { width_px: clientWidth, height_px: clientHeight };
    this.look(this.#camera);
    if (this.#kept !== null) this.#fit(this.#kept);
  }

  #paint(): void {
    if (this.#baseStale) this.#base?.look(this.#camera, this.#size);
    this.#baseStale = false;
    const { overlay, layer } = this.#parts;
    const ratio = devicePixelRatio;
    const width = Math.round(this.#size.width_px * ratio);
    const height = Math.round(this.#size.height_px * ratio);
    if (overlay.width !== width) overlay.width = width;
    if (overlay.height !== height) overlay.height = height;
    const context = overlay.getContext('2d');
    if (context === null) return;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.#size.width_px, this.#size.height_px);
    const started_ms = performance.now();
    layer.paint(context, this.#camera, this.#size, this.#palette);
    measure(started_ms);
  }
}

function isInside(projector: Projector, [lon_deg = 0, lat_deg = 0]: readonly number[], size: Size): boolean {
  const [x, y] = [projector.x(lon_deg), projector.y(lat_deg)];
  return x >= 0 && x <= size.width_px && y >= 0 && y <= size.height_px;
}

/** Keeps the last paints' times where the browser's own tools show them. */
function measure(started_ms: number): void {
  if (performance.getEntriesByName(PAINT_MEASURE).length >= MEASURES_MAX) performance.clearMeasures(PAINT_MEASURE);
  performance.measure(PAINT_MEASURE, { start: started_ms });
}
