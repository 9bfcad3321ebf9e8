/**
 * The subscription: one long HTTP response of server-sent events, kept up for ever.
 * It reads the stream with `fetch`, because the browser's own EventSource cannot resume by id after
 * a stalled connection, nor tell an expired session from a lost node.
 */
import { SseParser, toStreamEvent } from './sse';
import type { StreamEvent } from './store';

export type LinkState = 'connecting' | 'live' | 'retrying' | 'signed_out';

export interface StreamHandlers {
  /** An event arrived; the answer `false` asks for a new snapshot. */
  event(event: StreamEvent): boolean;
  link(state: LinkState, reason: string): void;
}

/** Silence after which the connection is given up and dialled anew. */
const SILENCE_MS = 5_000;
const BACKOFF_MS = [250, 500, 1_000, 2_000, 4_000];

/** Follows one view until `close`. */
export class Stream {
  readonly #view: string;
  readonly #handlers: StreamHandlers;
  #lastId: string | null = null;
  #attempts = 0;
  #closed = false;
  #abort = new AbortController();

  constructor(view: string, handlers: StreamHandlers) {
    this.#view = view;
    this.#handlers = handlers;
    void this.#run();
  }

  close(): void {
    this.#closed = true;
    this.#abort.abort();
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      this.#abort = new AbortController();
      let reason = 'the stream ended';
      try {
        await this.#follow(this.#abort);
      } catch (error) {
        reason = error instanceof Error ? error.message : String(error);
      }
      if (this.#closed) return;
      if (reason === SIGNED_OUT) {
        this.#handlers.link('signed_out', reason);
        return;
      }
      this.#handlers.link('retrying', reason);
      const wait_ms = BACKOFF_MS[Math.min(this.#attempts, BACKOFF_MS.length - 1)] ?? 0;
      this.#attempts += 1;
      await new Promise((resolve) => setTimeout(resolve, wait_ms));
    }
  }

  async #follow(abort: AbortController): Promise<void> {
    const giveUp = () => abort.abort(new Error(`nothing heard for ${SILENCE_MS / 1000} s`));
    let watchdog = setTimeout(giveUp, SILENCE_MS);
    try {
      const response = await fetch(`/api/v1/stream?view=${encodeURIComponent(this.#view)}`, {
        headers: {
          Accept: 'text/event-stream',
          ...(this.#lastId === null ? {} : { 'Last-Event-ID': this.#lastId }),
        },
        cache: 'no-store',
        signal: abort.signal,
      });
      if (response.status === 401) throw new Error(SIGNED_OUT);
      if (!response.ok || response.body === null) throw new Error(`the node answered ${response.status}`);
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      const parser = new SseParser();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        clearTimeout(watchdog);
        watchdog = setTimeout(giveUp, SILENCE_MS);
        for (const message of parser.feed(value)) this.#take(message);
      }
    } finally {
      clearTimeout(watchdog);
      abort.abort();
    }
  }

  #take(message: Parameters<typeof toStreamEvent>[0]): void {
    const event = toStreamEvent(message);
    if (event === null) return;
    if (!this.#handlers.event(event)) {
      this.#lastId = null;
      throw new Error('events were missed; asking for the whole picture');
    }
    if (message.id !== null) this.#lastId = message.id;
    this.#attempts = 0;
    this.#handlers.link('live', '');
  }
}

const SIGNED_OUT = 'signed out';
