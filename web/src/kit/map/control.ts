/** Pointer, wheel and keys to camera moves; the same for every base map. */
import { panned, zoomedAt, type Camera, type Size } from './camera';

export interface ControlTarget {
  camera(): Camera;
  size(): Size;
  move(camera: Camera): void;
  /** A press and release without a drag. */
  click(x_px: number, y_px: number): void;
}

const CLICK_SLACK_PX = 4;
const PAN_STEP_PX = 80;

/** Listens on an element; the answer stops listening. */
export function control(element: HTMLElement, target: ControlTarget): () => void {
  const pointers = new Map<number, { x: number; y: number }>();
  let travelled_px = 0;
  const place = (event: PointerEvent | WheelEvent) => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const down = (event: PointerEvent) => {
    if (event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, place(event));
    travelled_px = 0;
  };
  const drag = (event: PointerEvent) => {
    const before = pointers.get(event.pointerId);
    if (before === undefined) return;
    const now = place(event);
    pointers.set(event.pointerId, now);
    travelled_px += Math.hypot(now.x - before.x, now.y - before.y);
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    let camera = target.camera();
    if (other !== undefined) {
      const ratio = Math.hypot(now.x - other.x, now.y - other.y) / Math.hypot(before.x - other.x, before.y - other.y);
      if (ratio > 0 && Number.isFinite(ratio)) camera = zoomedAt(camera, target.size(), other.x, other.y, Math.log2(ratio));
    } else if (travelled_px > CLICK_SLACK_PX) {
      camera = panned(camera, target.size(), before.x - now.x, before.y - now.y);
    }
    target.move(camera);
  };
  const up = (event: PointerEvent) => {
    const at = pointers.get(event.pointerId);
    pointers.delete(event.pointerId);
    if (at !== undefined && event.type === 'pointerup' && travelled_px <= CLICK_SLACK_PX) target.click(at.x, at.y);
  };
  const wheel = (event: WheelEvent) => {
    event.preventDefault();
    const { x, y } = place(event);
    const steps = -event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.0025);
    target.move(zoomedAt(target.camera(), target.size(), x, y, Math.max(-1, Math.min(1, steps))));
  };
  const stop = new AbortController();
  const { signal } = stop;
  element.addEventListener('pointerdown', down, { signal });
  element.addEventListener('pointermove', drag, { signal });
  element.addEventListener('pointerup', up, { signal });
  element.addEventListener('pointercancel', up, { signal });
  element.addEventListener('wheel', wheel, { signal, passive: false });
  return () => stop.abort();
}

/** The camera after a map key, or null where the key is not one. */
export function keyMove(key: string, camera: Camera, size: Size): Camera | null {
  const middle = [size.width_px / 2, size.height_px / 2] as const;
  switch (key) {
    case 'ArrowLeft':
      return panned(camera, size, -PAN_STEP_PX, 0);
    case 'ArrowRight':
      return panned(camera, size, PAN_STEP_PX, 0);
    case 'ArrowUp':
      return panned(camera, size, 0, -PAN_STEP_PX);
    case 'ArrowDown':
      return panned(camera, size, 0, PAN_STEP_PX);
    case '+':
    case '=':
      return zoomedAt(camera, size, ...middle, 0.5);
    case '-':
    case '_':
      return zoomedAt(camera, size, ...middle, -0.5);
    default:
      return null;
  }
}
