/** What lies still: land and districts. Two implementations, WebGL and plain canvas. */
import type { Rank } from '../rank';
import type { Camera, Size } from './camera';

export interface DistrictProperties {
  code: string;
  partner: string;
  name_en: string;
  name_ja: string;
  name_ko: string;
}

export type Districts = GeoJSON.FeatureCollection<GeoJSON.Polygon | GeoJSON.MultiPolygon, DistrictProperties>;

/** Colours as CSS text, read from the page's theme. */
export interface Palette {
  sea: string;
  land: string;
  coast: string;
  district: string;
  ink: string;
  halo: string;
  ballistic: string;
  aircraft: string;
  unknown: string;
  sensor: string;
  selection: string;
  priorities: readonly [string, string, string, string];
}

/** Most urgent priority of a warning for each touched district code. */
export type Highlight = ReadonlyMap<string, Rank>;

export interface MapView {
  readonly mode: 'gl' | 'plain';
  /** Draws under this camera; cheap enough for every frame of a drag. */
  look(camera: Camera, size: Size): void;
  districts(districts: Districts): void;
  highlight(highlight: Highlight): void;
  palette(palette: Palette): void;
  destroy(): void;
}

/** Something that moves over the base. Layers paint in order; later ones are hit first. */
export interface OverlayLayer {
  paint(context: CanvasRenderingContext2D, camera: Camera, size: Size, palette: Palette): void;
  /** Id of the item under a pixel, or null. */
  hit(x_px: number, y_px: number): string | null;
}

/** Reads the palette from the custom properties of an element. */
export function paletteOf(element: Element): Palette {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(`--map-${name}`).trim();
  const priority = (rank: number) => style.getPropertyValue(`--priority-${rank}`).trim();
  return {
    sea: colour('sea'),
    land: colour('land'),
    coast: colour('coast'),
    district: colour('district'),
    ink: colour('ink'),
    halo: colour('halo'),
    ballistic: colour('ballistic'),
    aircraft: colour('aircraft'),
    unknown: colour('unknown'),
    sensor: colour('sensor'),
    selection: colour('selection'),
    priorities: [priority(1), priority(2), priority(3), priority(4)],
  };
}

/** True where this browser can draw with WebGL 2. */
export function hasWebGl(): boolean {
  try {
    return document.createElement('canvas').getContext('webgl2') !== null;
  } catch {
    return false;
  }
}
