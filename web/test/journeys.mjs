// `npm run journeys [words]`: the console in a real browser. Against the stand-in node; or, with the
// program at WATCHFIRE_PROGRAM, against three real nodes (WATCHFIRE_SCENARIO is played to them at
// WATCHFIRE_RATE); or against the node at WATCHFIRE_URL (its address, or its one-time link).
// Screenshots go to WATCHFIRE_ARTEFACTS, else to `artefacts` beside `web`.
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startFixture } from './fixture/server.mjs';
import { launch, openPage } from './journeys/browser.mjs';
import { JOURNEYS } from './journeys/list.mjs';
import { AXE, LANGUAGES, THEMES, look } from './journeys/looks.mjs';
import { LIVE, LOSSES, PANEL } from './journeys/nodes.mjs';
import { startProxy } from './journeys/proxy.mjs';
import { startNodes } from './nodes.mjs';

const { WATCHFIRE_ARTEFACTS, WATCHFIRE_PROGRAM, WATCHFIRE_RATE, WATCHFIRE_SCENARIO, WATCHFIRE_STATEMENT, WATCHFIRE_URL } = process.env;
const folder = WATCHFIRE_ARTEFACTS ?? fileURLToPath(new URL('../../artefacts', import.meta.url));
const wanted = process.argv.slice(2).join(' ');
const counts = { passed: 0, failed: 0, skipped: 0 };
const browsers = new Map();

mkdirSync(folder, { recursive: true });
const nodes = WATCHFIRE_PROGRAM === undefined
  ? null
  : await startNodes({ program: WATCHFIRE_PROGRAM, scenario: WATCHFIRE_SCENARIO, rate: Number(WATCHFIRE_RATE ?? 1) });
const node = nodes?.JPN.link ?? WATCHFIRE_URL;
const stand = node === undefined ? await startFixture() : null;
const proxy = await startProxy(node ?? stand.url);
try {
  const storageState = await signedIn(new URL(node ?? stand.login));
  if (WATCHFIRE_SCENARIO !== undefined) nodes?.play();
  for (const journey of chosen()) await take(journey, storageState);
} finally {
  for (const browser of browsers.values()) await browser.close();
  proxy.close();
  stand?.close();
  await nodes?.close();
}
console.log(`journeys: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped; screenshots in ${folder}`);
process.exitCode = counts.failed === 0 && counts.passed > 0 ? 0 : 1;

/** The journeys this kind of node can show, in an order in which none spoils another. */
function chosen() {
  const looks = LANGUAGES.flatMap((language) =>
    THEMES.map((theme) => ({ name: `axe and layout, ${language}, ${theme}`, init: AXE, run: async (given) => `${await look(given, language, theme)} axe checks passed` })),
  );
  const general = JOURNEYS.filter((journey) => stand !== null || !journey.fixture);
  const real = nodes !== null && WATCHFIRE_SCENARIO !== undefined;
  const panel = nodes !== null && WATCHFIRE_STATEMENT !== undefined ? [PANEL] : [];
  return [...panel, ...(real ? LIVE : []), ...general, ...looks, ...(real ? LOSSES : [])]
    .filter(({ name }) => name.includes(wanted));
}

/** Runs one journey on a page of its own and says how it went. */
async function take(journey, storageState) {
  const { name } = journey;
  stand?.fixture.reset();
  proxy.stalled = false;
  const started = Date.now();
  const browser = await browserFor(journey.webgl ?? true);
  const { page, context, faults } = await openPage(browser, proxy.url, {
    ...journey,
    storageState: journey.signedOut ? undefined : storageState,
  });
  try {
    const note = await journey.run({ page, url: proxy.url, proxy, folder, nodes, fixture: stand?.fixture });
    if (faults.length > 0) throw new Error(faults.join('\n'));
    counts.passed += 1;
    console.log(`ok      ${name} (${Date.now() - started} ms${note === undefined ? '' : `; ${note}`})`);
  } catch (error) {
    counts.failed += 1;
    console.log(`FAILED  ${name}\n${error.stack}\n${faults.join('\n')}`);
    await page.screenshot({ path: `${folder}/failed-${counts.failed}.png` }).catch(() => {});
  } finally {
    await context.close();
  }
}

async function browserFor(webgl) {
  if (!browsers.has(webgl)) browsers.set(webgl, await launch({ webgl }));
  return browsers.get(webgl);
}

/** Uses the link once; every page then starts with the session it gave. */
async function signedIn(link) {
  const browser = await browserFor(true);
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(new URL(link.pathname + link.search, proxy.url).href);
  const state = await context.storageState();
  await context.close();
  return state;
}
