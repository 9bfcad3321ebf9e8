import { describe, expect, it } from 'vitest';
import { SseParser, toStreamEvent, type SseMessage } from './sse';

const TEXT = 'event: delta\nid: b-2\ndata: {"a":1}\n\n: comment\n\nevent: heartbeat\ndata: one\ndata: two\n\n';
const MESSAGES: SseMessage[] = [
  { event: 'delta', id: 'b-2', data: '{"a":1}' },
  { event: 'heartbeat', id: null, data: 'one\ntwo' },
];

describe('the parser', () => {
  it.each([1, 2, 3, 7, 1000])('gives the same messages for chunks of %i characters', (size) => {
    const parser = new SseParser();
    const got: SseMessage[] = [];
    for (let at = 0; at < TEXT.length; at += size) got.push(...parser.feed(TEXT.slice(at, at + size)));
    expect(got).toEqual(MESSAGES);
  });

  it('takes carriage returns', () => {
    expect(new SseParser().feed(TEXT.replaceAll('\n', '\r\n'))).toEqual(MESSAGES);
  });
});

describe('typed events', () => {
  const now = '2017-07-28T14:41:00.123456789Z';
  it('carry the boot from the id', () => {
    const data = JSON.stringify({ seq: 2, now, changes: [] });
    expect(toStreamEvent({ event: 'delta', id: '00f1-2', data })).toMatchObject({ kind: 'delta', boot: '00f1' });
  });

  it('of unknown names are passed over', () => {
    expect(toStreamEvent({ event: 'weather', id: null, data: '{}' })).toBeNull();
  });

  it.each<[string, SseMessage]>([
    ['no number', { event: 'heartbeat', id: null, data: JSON.stringify({ now }) }],
    ['no time', { event: 'heartbeat', id: null, data: '{"seq":1}' }],
    ['a broken time', { event: 'heartbeat', id: null, data: '{"seq":1,"now":"yesterday"}' }],
    ['no id', { event: 'delta', id: null, data: JSON.stringify({ seq: 1, now, changes: [] }) }],
    ['no changes', { event: 'delta', id: 'b-1', data: JSON.stringify({ seq: 1, now }) }],
    ['no collections', { event: 'snapshot', id: 'b-1', data: JSON.stringify({ seq: 1, now }) }],
    ['broken JSON', { event: 'snapshot', id: 'b-1', data: '{' }],
  ])('are refused with %s', (_, message) => {
    expect(() => toStreamEvent(message)).toThrow();
  });
});
