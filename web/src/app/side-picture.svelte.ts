/** The picture of another view beside the one on the screen, for as long as something needs it. */
import { live } from './console.svelte';
import { reduce, type Picture } from './store';
import { Stream } from './stream';

export class SidePicture {
  readonly view: string;
  #own = $state.raw<Picture | null>(null);
  readonly #stream: Stream | null;

  /** Opens no second stream where the screen shows that view already. */
  constructor(view: string) {
    this.view = view;
    this.#stream = view === live.view ? null : this.#follow(view);
  }

  get picture(): Picture | null {
    return this.#stream === null ? live.picture : this.#own;
  }

  close(): void {
    this.#stream?.close();
  }

  #follow(view: string): Stream {
    return new Stream(view, {
      event: (event) => {
        const step = reduce(this.#own, event);
        if (step.verdict === 'applied') this.#own = step.picture;
        return step.verdict === 'applied';
      },
      link: (state) => {
        if (state !== 'live') this.#own = null;
      },
    });
  }
}
