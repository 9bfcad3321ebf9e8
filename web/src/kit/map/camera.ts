/**
 * The map's camera and its Web Mercator projection, shared by every base map and the overlay,
 * so that what moves and what lies under it can never disagree.
 *
 * World units: the whole world is one unit wide; at zoom z it is 512 · 2^z pixels.
 */

export interface Camera {
  readonly lon_deg: number;
  readonly lat_deg: number;
  readonly zoom: number;
}

export interface Size {
  readonly width_px: number;
  readonly height_px: number;
}

export interface Bounds {
  readonly west_deg: number;
  readonly south_deg: number;
  readonly east_deg: number;
  readonly north_deg: number;
}

export const ZOOM_MAX = 11;
const TILE_PX = 512;
const LAT_MAX_DEG = 85.051_128_78;
const RADIANS = Math.PI / 180;

export function worldX(lon_deg: number): number {
  return (lon_deg + 180) / 360;
}

export function worldY(lat_deg: number): number {
  const lat = Math.min(LAT_MAX_DEG, Math.max(-LAT_MAX_DEG, lat_deg)) * RADIANS;
  return 0.5 - Math.log(Math.tan(Math.PI / 4 + lat / 2)) / (2 * Math.PI);
}

export function worldSize(zoom: number): number {
  return TILE_PX * 2 ** zoom;
}

/** Projects many points under one camera. Longitudes take the copy nearest to the camera. */
export class Projector {
  readonly scale_px: number;
  readonly #x: number;
  readonly #y: number;
  readonly #halfWidth: number;
  readonly #halfHeight: number;

  constructor(camera: Camera, size: Size) {
    this.scale_px = worldSize(camera.zoom);
    this.#x = worldX(camera.lon_deg);
    this.#y = worldY(camera.lat_deg);
    this.#halfWidth = size.width_px / 2;
    this.#halfHeight = size.height_px / 2;
  }

  x(lon_deg: number): number {
    const away = worldX(lon_deg) - this.#x;
    return this.#halfWidth + (away - Math.round(away)) * this.scale_px;
  }

  y(lat_deg: number): number {
    return this.#halfHeight + (worldY(lat_deg) - this.#y) * this.scale_px;
  }

  /** Pixels of a ground length at a latitude. */
  length_px(metres: number, lat_deg: number): number {
    const around_m = 40_075_016.7 * Math.max(0.05, Math.cos(lat_deg * RADIANS));
    return (metres / around_m) * this.scale_px;
  }

  /** Adds a line to a path; it never jumps across the antimeridian. */
  trace(path: CanvasRenderingContext2D, points: readonly (readonly number[])[]): void {
    let before_deg: number | null = null;
    let x = 0;
    for (const [lon_deg, lat_deg] of points) {
      if (lon_deg === undefined || lat_deg === undefined) continue;
      if (before_deg === null) {
        x = this.x(lon_deg);
        path.moveTo(x, this.y(lat_deg));
      } else {
        const turn = (lon_deg - before_deg) / 360;
        x += (turn - Math.round(turn)) * this.scale_px;
        path.lineTo(x, this.y(lat_deg));
      }
      before_deg = lon_deg;
    }
  }
}

/** Longitude and latitude under a pixel. */
export function unproject(camera: Camera, size: Size, x_px: number, y_px: number): [number, number] {
  const scale_px = worldSize(camera.zoom);
  const x = worldX(camera.lon_deg) + (x_px - size.width_px / 2) / scale_px;
  const y = worldY(camera.lat_deg) + (y_px - size.height_px / 2) / scale_px;
  return [wrap(x * 360 - 180), latOf(y)];
}

/** The nearest camera that shows no edge of the world. */
export function clampCamera(camera: Camera, size: Size): Camera {
  const fit = Math.log2(Math.max(size.width_px, size.height_px, 1) / TILE_PX);
  const zoom = Math.min(ZOOM_MAX, Math.max(camera.zoom, fit));
  const half = size.height_px / 2 / worldSize(zoom);
  const y = Math.min(1 - half, Math.max(half, worldY(camera.lat_deg)));
  return { lon_deg: wrap(camera.lon_deg), lat_deg: latOf(y), zoom };
}

/** The camera moved by pixels. */
export function panned(camera: Camera, size: Size, dx_px: number, dy_px: number): Camera {
  const [lon_deg, lat_deg] = unproject(camera, size, size.width_px / 2 + dx_px, size.height_px / 2 + dy_px);
  return clampCamera({ lon_deg, lat_deg, zoom: camera.zoom }, size);
}

/** The camera zoomed so that the place under the pixel stays there. */
export function zoomedAt(camera: Camera, size: Size, x_px: number, y_px: number, steps: number): Camera {
  const closer = clampCamera({ ...camera, zoom: camera.zoom + steps }, size);
  const [lon_deg, lat_deg] = unproject(camera, size, x_px, y_px);
  const now = new Projector(closer, size);
  return panned(closer, size, now.x(lon_deg) - x_px, now.y(lat_deg) - y_px);
}

/** The camera that shows bounds with a margin. `east_deg` may lie beyond 180. */
export function fitted(bounds: Bounds, size: Size, margin_px: number): Camera {
  const width = Math.max(1e-4, (bounds.east_deg - bounds.west_deg) / 360);
  const [top, bottom] = [worldY(bounds.north_deg), worldY(bounds.south_deg)];
  const height = Math.max(1e-4, bottom - top);
  const room = (length_px: number) => Math.max(50, length_px - 2 * margin_px);
  const zoom = Math.log2(Math.min(room(size.width_px) / width, room(size.height_px) / height) / TILE_PX);
  const lon_deg = wrap((bounds.west_deg + bounds.east_deg) / 2);
  return clampCamera({ lon_deg, lat_deg: latOf((top + bottom) / 2), zoom }, size);
}

/** The smallest bounds around points, across the antimeridian where that is shorter. */
export function boundsOf(points: readonly (readonly number[])[]): Bounds | null {
  const usable = points.filter(([lon, lat]) => Number.isFinite(lon) && Number.isFinite(lat));
  if (usable.length === 0) return null;
  const lats = usable.map((point) => point[1] ?? 0);
  const lons = usable.map((point) => wrap(point[0] ?? 0)).sort((a, b) => a - b);
  let gap = 360 - ((lons.at(-1) ?? 0) - (lons[0] ?? 0));
  let start = 0;
  lons.forEach((lon, at) => {
    const before = lons[at - 1];
    if (before !== undefined && lon - before > gap) [gap, start] = [lon - before, at];
  });
  const west_deg = lons[start] ?? 0;
  return {
    west_deg,
    east_deg: west_deg + 360 - gap,
    south_deg: lats.reduce((a, b) => Math.min(a, b)),
    north_deg: lats.reduce((a, b) => Math.max(a, b)),
  };
}

function latOf(y: number): number {
  return (Math.atan(Math.exp((0.5 - y) * 2 * Math.PI)) - Math.PI / 4) * 2 / RADIANS;
}

function wrap(lon_deg: number): number {
  return ((((lon_deg + 180) % 360) + 360) % 360) - 180;
}
