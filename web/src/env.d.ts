declare module 'virtual:land-outline' {
  /** Land as one MultiPolygon in degrees; see `vite.config.ts`. */
  const land: GeoJSON.MultiPolygon;
  export default land;
}

declare module '*?worker&url' {
  const url: string;
  export default url;
}
