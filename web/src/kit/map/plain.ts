/**
 * The base map without WebGL: d3-geo projects land and districts into paths once,
 * and a canvas redraws them under the camera by a transform alone.
 */
import land from 'virtual:land-outline';
import { geoArea, geoMercator, geoPath } from 'd3-geo';
import { worldSize, worldX, worldY, type Camera, type Size } from './camera';
import { coastOf } from './coast';
import type { Districts, Highlight, MapView, Palette } from './view';

/** Width of the world in the prepared paths; fine enough for zoom 11. */
const PATH_WORLD = 4096;

export function startPlain(container: HTMLElement, palette: Palette): MapView {
  return new PlainView(container, palette);
}

class PlainView implements MapView {
  readonly mode = 'plain';
  readonly #canvas = document.createElement('canvas');
  readonly #context: CanvasRenderingContext2D;
  readonly #land = pathOf(land);
  readonly #coast = pathOf(coastOf(land));
  #palette: Palette;
  #districts = new Map<string, Path2D>();
  #highlight: Highlight = new Map();
  #camera: Camera | null = null;
  #size: Size = { width_px: 0, height_px: 0 };

  constructor(container: HTMLElement, palette: Palette) {
    const context = this.#canvas.getContext('2d', { alpha: false });
    if (context === null) throw new Error('this browser gives no 2D canvas');
    this.#context = context;
    this.#palette = palette;
    this.#canvas.setAttribute('aria-hidden', 'true');
    container.append(this.#canvas);
  }

  look(camera: Camera, size: Size): void {
    this.#camera = camera;
    this.#size = size;
    this.#draw();
  }

  districts(districts: Districts): void {
    this.#districts = new Map(districts.features.map((part) => [part.properties.code, pathOf(wound(part.geometry))]));
    this.#draw();
  }

  highlight(highlight: Highlight): void {
    this.#highlight = highlight;
    this.#draw();
  }

  palette(palette: Palette): void {
    this.#palette = palette;
    this.#draw();
  }

  destroy(): void {
    this.#canvas.remove();
  }

  #draw(): void {
    const camera = this.#camera;
    if (camera === null) return;
    const { width_px, height_px } = this.#size;
    const ratio = devicePixelRatio;
    const [width, height] = [Math.round(width_px * ratio), Math.round(height_px * ratio)];
    if (this.#canvas.width !== width) this.#canvas.width = width;
    if (this.#canvas.height !== height) this.#canvas.height = height;
    const context = this.#context;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = this.#palette.sea;
    context.fillRect(0, 0, width, height);
    const scale = (worldSize(camera.zoom) / PATH_WORLD) * ratio;
    const left = width / 2 - worldX(camera.lon_deg) * PATH_WORLD * scale;
    const top = height / 2 - worldY(camera.lat_deg) * PATH_WORLD * scale;
    for (const copy of [-1, 0, 1]) {
      const x = left + copy * PATH_WORLD * scale;
      if (x > width || x + PATH_WORLD * scale < 0) continue;
      context.setTransform(scale, 0, 0, scale, x, top);
      this.#drawWorld(ratio / scale);
    }
  }

  /** One copy of the world; `px` is a screen pixel in path units. */
  #drawWorld(px: number): void {
    const context = this.#context;
    const palette = this.#palette;
    context.fillStyle = palette.land;
    context.fill(this.#land);
    context.lineWidth = px;
    context.strokeStyle = palette.coast;
    context.stroke(this.#coast);
    context.lineWidth = 0.7 * px;
    context.strokeStyle = palette.district;
    for (const path of this.#districts.values()) context.stroke(path);
    for (const rank of [4, 3, 2, 1] as const) {
      for (const [code, priority] of this.#highlight) {
        const path = this.#districts.get(code);
        if (priority !== rank || path === undefined) continue;
        context.fillStyle = context.strokeStyle = palette.priorities[rank - 1] ?? palette.ink;
        context.globalAlpha = 0.2;
        context.fill(path);
        context.globalAlpha = 1;
        context.lineWidth = 1.5 * px;
        context.stroke(path);
      }
    }
  }
}

const PROJECTION = geoMercator()
  .scale(PATH_WORLD / (2 * Math.PI))
  .translate([PATH_WORLD / 2, PATH_WORLD / 2])
  .precision(0.3);

function pathOf(geometry: GeoJSON.Geometry): Path2D {
  const path = new Path2D();
  // d3 wants `arc` and the rest of a context; a Path2D has all that lines and rings need.
  geoPath(PROJECTION, path as unknown as CanvasRenderingContext2D)(geometry);
  return path;
}

/** Rings turned so that a polygon is its inside: on the sphere the other turn is the rest of the world. */
function wound(geometry: GeoJSON.Polygon | GeoJSON.MultiPolygon): GeoJSON.MultiPolygon {
  const polygons = geometry.type === 'Polygon' ? [geometry.coordinates] : geometry.coordinates;
  const coordinates = polygons.map((polygon) =>
    geoArea({ type: 'Polygon', coordinates: polygon }) > 2 * Math.PI ? polygon.map((ring) => [...ring].reverse()) : polygon,
  );
  return { type: 'MultiPolygon', coordinates };
}
