/** Why a partner has or has not got an entry, as one sentence in the reader's language. */
import type { WhyAnswer } from './model';

type Say = (key: never, values?: Record<string, string | number>) => string;
type Word = (list: string, code: string) => string;

/** Reasons that have a sentence; another one is shown as its word. */
const REASONS = [
  'not-ours', 'no-node', 'no-line', 'suspended', 'leaf-hash', 'leaf-hash-witnessed', 'carried-by-file',
  'line-down', 'queued', 'on-the-way', 'incomplete', 'wrote-it', 'holds',
];

export function reasonTextOf(why: WhyAnswer, say: Say, word: Word): string {
  if (!REASONS.includes(why.reason)) return why.sentence;
  const nodes = why.nodes.filter((node) => node.reason === why.reason);
  const ahead = nodes[0]?.ahead_entries ?? 0;
  const values = {
    partner: word('partner', why.partner),
    nodes: nodes.map((node) => node.node).join(', ') || why.partner,
    audience: why.audience,
    ahead,
    lane: word('lane', why.lane),
  };
  const hidden = why.hidden === null ? '' : ` ${say(`why.hidden_${why.hidden}` as never, values)}`;
  const queue = ['line-down', 'queued'].includes(why.reason) ? ` ${say('why.ahead' as never, values)}` : '';
  return say(`why.${why.reason}` as never, values) + hidden + queue;
}
