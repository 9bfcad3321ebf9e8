/** Server-sent events: text chunks in, messages out, and messages to typed stream events. */
import type { Delta, Heartbeat, Snapshot } from './model';
import type { StreamEvent } from './store';

export interface SseMessage {
  event: string;
  id: string | null;
  data: string;
}

/** Longest unfinished text kept while waiting for a blank line, in characters. */
const PENDING_CHARS_MAX = 256 * 1024 * 1024;

/** Incremental parser of `text/event-stream`; one instance a connection. */
export class SseParser {
  #pending: string[] = [];
  #pendingChars = 0;

  /** Messages completed by this chunk. */
  feed(chunk: string): SseMessage[] {
    // Joining only when an end is in sight keeps a large snapshot in many chunks linear.
    this.#pending.push(chunk);
    this.#pendingChars += chunk.length;
    if (this.#pendingChars > PENDING_CHARS_MAX) throw new Error(`an event longer than ${PENDING_CHARS_MAX} characters`);
    if (!chunk.includes('\n')) return [];
    const blocks = this.#pending.join('').replaceAll('\r\n', '\n').split('\n\n');
    const rest = blocks.pop() ?? '';
    this.#pending = rest === '' ? [] : [rest];
    this.#pendingChars = rest.length;
    return blocks.map(parseBlock).filter((message) => message.data !== '');
  }
}

function parseBlock(block: string): SseMessage {
  const message: SseMessage = { event: 'message', id: null, data: '' };
  const data: string[] = [];
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const value = line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    switch (line.slice(0, colon)) {
      case 'event':
        message.event = value;
        break;
      case 'id':
        message.id = value;
        break;
      case 'data':
        data.push(value);
        break;
    }
  }
  message.data = data.join('\n');
  return message;
}

/** A typed event, or null for an event name this console does not know. Throws on a malformed one. */
export function toStreamEvent(message: SseMessage): StreamEvent | null {
  switch (message.event) {
    case 'snapshot': {
      const body = object(message) as Snapshot;
      if (typeof body.collections !== 'object' || body.collections === null) throw malformed(message, 'collections');
      return { kind: 'snapshot', boot: bootOf(message), body };
    }
    case 'delta': {
      const body = object(message) as Delta;
      if (!Array.isArray(body.changes)) throw malformed(message, 'changes');
      return { kind: 'delta', boot: bootOf(message), body };
    }
    case 'heartbeat':
      return { kind: 'heartbeat', body: object(message) as Heartbeat };
    default:
      return null;
  }
}

function object(message: SseMessage): Heartbeat {
  const body: unknown = JSON.parse(message.data);
  if (typeof body !== 'object' || body === null) throw malformed(message, 'an object');
  const { seq, now } = body as Partial<Heartbeat>;
  if (typeof seq !== 'number') throw malformed(message, 'seq');
  if (typeof now !== 'string' || Number.isNaN(Date.parse(now))) throw malformed(message, 'now');
  return body as Heartbeat;
}

function bootOf(message: SseMessage): string {
  const id = message.id ?? '';
  const dash = id.lastIndexOf('-');
  if (dash < 1) throw malformed(message, 'an id of the form boot-seq');
  return id.slice(0, dash);
}

function malformed(message: SseMessage, expected: string): Error {
  return new Error(`a \`${message.event}\` event without ${expected}`);
}
