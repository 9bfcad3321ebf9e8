import { describe, expect, it } from 'vitest';
import type { WhyAnswer } from './model';
import { reasonTextOf } from './why';

const say = (key: string, values: Record<string, string | number> = {}): string =>
  `${key}(${values.partner};${values.nodes};${values.ahead};${values.lane})`;
const word = (list: string, code: string): string => `${list}:${code}`;

function why(reason: string, hidden: string | null): WhyAnswer {
  const node = {
    node: 'JPN-1', reason, carrier: 'tcp', line: 'up', connected: true, quiet_s: 0, sent: 3, witnessed: 3, holds: 2,
    ahead_entries: 4, ahead_bytes: 80, ahead_bytes_more: false, last_receipt: null,
  };
  return {
    entry: 'KOR-1.flash.00.7', partner: 'JPN', sentence: 'as the node says it', has_it: false, reason, audience: 'KOR',
    sees: 'whole', hidden, charter_edition: 1, roster: 1, origin_roster: 1, lane: 'flash', nodes: [node],
  };
}

describe('why a partner has or has not got an entry', () => {
  it.each([
    ['holds', null, 'why.holds(partner:JPN;JPN-1;4;lane:flash)'],
    ['line-down', null, 'why.line-down(partner:JPN;JPN-1;4;lane:flash) why.ahead(partner:JPN;JPN-1;4;lane:flash)'],
    ['leaf-hash', 'withheld', 'why.leaf-hash(partner:JPN;JPN-1;4;lane:flash) why.hidden_withheld(partner:JPN;JPN-1;4;lane:flash)'],
    ['something-newer', null, 'as the node says it'],
  ])('says %s', (reason, hidden, expected) => {
    expect(reasonTextOf(why(reason, hidden), say as never, word)).toBe(expected);
  });
});
