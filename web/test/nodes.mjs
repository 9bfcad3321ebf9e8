// Three real nodes on loopback for the journeys: an exercise federation in a temporary folder, made,
// started and stopped through the program itself.
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const PARTNERS = ['JPN', 'KOR', 'USA'];
/** Wall seconds for the nodes to start and connect before the scenario's first scan. */
const LEAD_S = 8;

/** Starts the nodes and waits until each is ready; `play` then plays `scenario` at `rate`. */
export async function startNodes({ program, scenario, rate = 1 }) {
  const folder = mkdtempSync(join(tmpdir(), 'watchfire-journeys-'));
  const home = join(folder, 'federation');
  const words = ['charter', 'init', home, '--exercise', 'first-light', '--partners', PARTNERS.join(',')];
  if (scenario !== undefined) words.push('--rate', String(rate), '--epoch', epochOf(scenario, rate));
  await run(program, words);
  const nodes = {};
  for (const partner of PARTNERS) nodes[partner] = await startNode(program, join(home, `${partner}-1`, 'node.toml'));
  const configs = PARTNERS.flatMap((partner) => ['--config', nodes[partner].config]);
  let player = null;
  return {
    ...nodes,
    play() {
      player = spawn(program, ['scenario', 'play', scenario, ...configs], { stdio: ['ignore', 'inherit', 'inherit'] });
    },
    endPlay: () => void player?.kill(),
    append: (partner, kind, content) => run(program, ['append', '--config', nodes[partner].config, kind, JSON.stringify(content)]),
    async close() {
      player?.kill();
      await Promise.all(PARTNERS.map((partner) => nodes[partner].stop()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The exercise begins so much before the first scan that the nodes are up when it comes. */
function epochOf(scenario, rate) {
  const first_ns = readFileSync(scenario, 'utf8')
    .split('\n', 50)
    .map((line) => /"t_meas":(\d+)/.exec(line)?.[1])
    .find((time) => time !== undefined);
  if (first_ns === undefined) throw new Error(`expected a scan in the first lines of ${scenario}`);
  return new Date(Number(BigInt(first_ns) / 1_000_000n) - LEAD_S * rate * 1_000).toISOString();
}

async function startNode(program, config) {
  const child = spawn(program, ['node', '--ready-json', '--stop-with-stdin', '--config', config], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const ready = new Promise((resolve) => createInterface(child.stdout).once('line', resolve));
  const line = await Promise.race([ready, ended.then((code) => Promise.reject(new Error(`the node of ${config} ended with ${code} before it was ready`)))]);
  const { console: address, link } = JSON.parse(line);
  return {
    config,
    address,
    link,
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}

async function run(program, words) {
  const { stdout } = await promisify(execFile)(program, words);
  return stdout;
}
