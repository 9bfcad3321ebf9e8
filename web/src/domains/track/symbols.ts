/** Track symbols, drawn once for each look and then copied, so that thousands cost little. */
import type { Track } from '../../app/model';
import type { Palette } from '../../kit/map/view';

export const SYMBOL_PX = 24;
const TURNS = 36;

/** Sprites of one palette and pixel ratio. */
export class Symbols {
  readonly #palette: Palette;
  readonly #ratio: number;
  readonly #sprites = new Map<string, HTMLCanvasElement>();

  constructor(palette: Palette, ratio: number) {
    this.#palette = palette;
    this.#ratio = ratio;
  }

  of(track: Track): HTMLCanvasElement {
    const turn = track.class === 'aircraft' ? Math.round((track.course_deg / 360) * TURNS) % TURNS : 0;
    const key = `${track.class} ${track.state} ${turn}`;
    let sprite = this.#sprites.get(key);
    if (sprite === undefined) {
      sprite = this.#draw(track, (turn / TURNS) * 2 * Math.PI);
      this.#sprites.set(key, sprite);
    }
    return sprite;
  }

  #draw(track: Track, turn_rad: number): HTMLCanvasElement {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = SYMBOL_PX * this.#ratio;
    const context = canvas.getContext('2d');
    if (context === null) return canvas;
    context.scale(this.#ratio, this.#ratio);
    context.translate(SYMBOL_PX / 2, SYMBOL_PX / 2);
    context.rotate(turn_rad);
    const colour = this.#palette[track.class];
    const unseen = track.state === 'stale' || track.state === 'lost';
    context.lineJoin = 'round';
    outline(context, track.class);
    context.lineWidth = 4;
    context.strokeStyle = this.#palette.halo;
    context.stroke();
    if (track.state === 'confirmed') {
      context.fillStyle = colour;
      context.fill();
    } else {
      context.fillStyle = this.#palette.halo;
      context.fill();
    }
    context.lineWidth = 1.6;
    context.strokeStyle = colour;
    if (unseen) context.setLineDash([2.5, 2]);
    context.stroke();
    if (track.state === 'lost') cross(context);
    return canvas;
  }
}

/** Paths of the three classes: shape tells the class without colour. */
function outline(context: CanvasRenderingContext2D, kind: Track['class']): void {
  context.beginPath();
  switch (kind) {
    case 'ballistic':
      context.moveTo(0, -8);
      context.lineTo(7.5, 6);
      context.lineTo(-7.5, 6);
      break;
    case 'aircraft':
      context.moveTo(0, -6.5);
      context.lineTo(4.2, 5);
      context.lineTo(0, 2.4);
      context.lineTo(-4.2, 5);
      break;
    case 'unknown':
      context.rect(-5, -5, 10, 10);
      break;
  }
  context.closePath();
}

function cross(context: CanvasRenderingContext2D): void {
  context.setLineDash([]);
  context.beginPath();
  context.moveTo(-6, -6);
  context.lineTo(6, 6);
  context.moveTo(6, -6);
  context.lineTo(-6, 6);
  context.stroke();
}
