import { readFileSync } from 'node:fs';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { feature } from 'topojson-client';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/**
 * The bundled land outline: Natural Earth 1:50m land (public domain) as one MultiPolygon,
 * two decimals (about 1 km), islets outside the theatre and Antarctica left out.
 */
function landOutline(): Plugin {
  const id = 'virtual:land-outline';
  return {
    name: 'land-outline',
    resolveId: (source) => (source === id ? `\0${id}` : undefined),
    load(resolved) {
      if (resolved !== `\0${id}`) return undefined;
      const file = new URL('./node_modules/world-atlas/land-50m.json', import.meta.url);
      const atlas = JSON.parse(readFileSync(file, 'utf8'));
      const land = feature(atlas, atlas.objects.land) as unknown as GeoJSON.FeatureCollection;
      const coordinates = land.features
        .flatMap((part) => polygonsOf(part.geometry))
        .filter((polygon) => worthDrawing(polygon[0] ?? []))
        .map((polygon) => polygon.map(rounded));
      const text = JSON.stringify({ type: 'MultiPolygon', coordinates });
      return `export default JSON.parse(${JSON.stringify(text)});`;
    },
  };
}

function polygonsOf(geometry: GeoJSON.Geometry): GeoJSON.Position[][][] {
  if (geometry.type === 'Polygon') return [geometry.coordinates];
  return geometry.type === 'MultiPolygon' ? geometry.coordinates : [];
}

function worthDrawing(ring: GeoJSON.Position[]): boolean {
  const lons = ring.map((point) => point[0] ?? 0);
  const lats = ring.map((point) => point[1] ?? 0);
  const [west, east] = [Math.min(...lons), Math.max(...lons)];
  const [south, north] = [Math.min(...lats), Math.max(...lats)];
  if (north < -60) return false;
  const inTheatre = (west > 95 || east < -110) && south > -15 && north < 75;
  return inTheatre || (east - west) * (north - south) > 0.5;
}

function rounded(ring: GeoJSON.Position[]): GeoJSON.Position[] {
  const points = ring.map((point) => point.map((degrees) => Math.round(degrees * 100) / 100));
  return points.filter((point, at) => at === 0 || `${point}` !== `${points[at - 1]}`);
}

export default defineConfig({
  plugins: [svelte(), landOutline()],
  build: {
    outDir: 'dist',
    target: 'es2023',
    // Nothing is inlined as a data: URL, so that the content security policy can stay strict.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1500,
    license: { fileName: 'licences.md' },
  },
  worker: { format: 'es' },
  server: { proxy: { '/api': 'http://127.0.0.1:8440', '/openapi.json': 'http://127.0.0.1:8440' } },
  test: { include: ['src/**/*.test.ts', 'test/**/*.test.ts'], environment: 'node' },
});
