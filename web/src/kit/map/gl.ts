/** The base map by MapLibre: two bundled GeoJSON sources, no tiles, no glyphs, no network. */
import land from 'virtual:land-outline';
import { Map as MapLibre, setWorkerUrl, type GeoJSONSource, type StyleSpecification } from 'maplibre-gl';
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url';
import type { Camera, Size } from './camera';
import { coastOf } from './coast';
import type { Districts, Highlight, MapView, Palette } from './view';

setWorkerUrl(workerUrl);

const NO_DISTRICTS: Districts = { type: 'FeatureCollection', features: [] };

/** Resolves once the base is drawn; rejects where WebGL fails. */
export function startGl(container: HTMLElement, palette: Palette, camera: Camera, lost: () => void): Promise<MapView> {
  const map = new MapLibre({
    container,
    style: styleOf(palette),
    center: [camera.lon_deg, camera.lat_deg],
    zoom: camera.zoom,
    minZoom: 0,
    interactive: false,
    attributionControl: false,
    maplibreLogo: false,
    fadeDuration: 0,
    trackResize: false,
    canvasContextAttributes: { antialias: true },
  });
  const canvas = map.getCanvas();
  canvas.tabIndex = -1;
  canvas.setAttribute('aria-hidden', 'true');
  canvas.removeAttribute('role');
  canvas.addEventListener('webglcontextlost', lost, { once: true });
  return new Promise((resolve, reject) => {
    map.once('load', () => resolve(new GlView(map, palette)));
    map.on('error', (event) => reject(event.error));
  });
}

class GlView implements MapView {
  readonly mode = 'gl';
  readonly #map: MapLibre;
  #palette: Palette;
  #highlight: Highlight = new Map();
  #width_px = 0;
  #height_px = 0;

  constructor(map: MapLibre, palette: Palette) {
    this.#map = map;
    this.#palette = palette;
  }

  look(camera: Camera, size: Size): void {
    if (size.width_px !== this.#width_px || size.height_px !== this.#height_px) {
      [this.#width_px, this.#height_px] = [size.width_px, size.height_px];
      this.#map.resize();
    }
    this.#map.jumpTo({ center: [camera.lon_deg, camera.lat_deg], zoom: camera.zoom });
  }

  districts(districts: Districts): void {
    this.#map.getSource<GeoJSONSource>('districts')?.setData(districts);
  }

  highlight(highlight: Highlight): void {
    this.#highlight = highlight;
    for (const rank of [1, 2, 3, 4] as const) {
      const codes = [...highlight].filter(([, priority]) => priority === rank).map(([code]) => code);
      for (const layer of [`touched-${rank}`, `touched-line-${rank}`]) {
        this.#map.setFilter(layer, ['in', ['get', 'code'], ['literal', codes]]);
      }
    }
  }

  palette(palette: Palette): void {
    if (JSON.stringify(palette) === JSON.stringify(this.#palette)) return;
    this.#palette = palette;
    const map = this.#map;
    map.setPaintProperty('sea', 'background-color', palette.sea);
    map.setPaintProperty('land', 'fill-color', palette.land);
    map.setPaintProperty('coast', 'line-color', palette.coast);
    map.setPaintProperty('districts', 'line-color', palette.district);
    palette.priorities.forEach((colour, at) => {
      map.setPaintProperty(`touched-${at + 1}`, 'fill-color', colour);
      map.setPaintProperty(`touched-line-${at + 1}`, 'line-color', colour);
    });
    this.highlight(this.#highlight);
  }

  destroy(): void {
    this.#map.remove();
  }
}

function styleOf(palette: Palette): StyleSpecification {
  const touched = palette.priorities.flatMap((colour, at): StyleSpecification['layers'] => [
    {
      id: `touched-${at + 1}`,
      type: 'fill',
      source: 'districts',
      filter: ['in', ['get', 'code'], ['literal', []]],
      paint: { 'fill-color': colour, 'fill-opacity': 0.2 },
    },
    {
      id: `touched-line-${at + 1}`,
      type: 'line',
      source: 'districts',
      filter: ['in', ['get', 'code'], ['literal', []]],
      paint: { 'line-color': colour, 'line-width': 1.5 },
    },
  ]);
  const fixed = { type: 'geojson', tolerance: 0.3, buffer: 32 } as const;
  return {
    version: 8,
    sources: {
      land: { ...fixed, data: { type: 'Feature', properties: {}, geometry: land } },
      coast: { ...fixed, data: { type: 'Feature', properties: {}, geometry: coastOf(land) } },
      districts: { ...fixed, data: NO_DISTRICTS },
    },
    layers: [
      { id: 'sea', type: 'background', paint: { 'background-color': palette.sea } },
      { id: 'land', type: 'fill', source: 'land', paint: { 'fill-color': palette.land, 'fill-antialias': false } },
      { id: 'coast', type: 'line', source: 'coast', paint: { 'line-color': palette.coast, 'line-width': 1 } },
      { id: 'districts', type: 'line', source: 'districts', paint: { 'line-color': palette.district, 'line-width': 0.7 } },
      ...touched.reverse(),
    ],
  };
}
