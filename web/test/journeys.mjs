// `npm run journeys [words]`: the console in a real browser, against the node at WATCHFIRE_URL
// (its address, or its one-time link), or against the stand-in node where that is not set.
// Screenshots go to WATCHFIRE_ARTEFACTS, else to `artefacts` beside `web`.
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startFixture } from './fixture/server.mjs';
import { launch, openPage } from './journeys/browser.mjs';
import { JOURNEYS } from './journeys/list.mjs';
import { AXE, LANGUAGES, THEMES, look } from './journeys/looks.mjs';
import { startProxy } from './journeys/proxy.mjs';

const folder = process.env.WATCHFIRE_ARTEFACTS ?? fileURLToPath(new URL('../../artefacts', import.meta.url));
const wanted = process.argv.slice(2).join(' ');
const node = process.env.WATCHFIRE_URL;

mkdirSync(folder, { recursive: true });
const stand = node === undefined ? await startFixture() : null;
const proxy = await startProxy(node ?? stand.url);
const browsers = new Map();
const storageState = await signedIn(new URL(node ?? stand.login));
const counts = { passed: 0, failed: 0, skipped: 0 };

for (const journey of JOURNEYS) await take(journey.name, journey, (given) => journey.run(given));
for (const language of LANGUAGES) {
  for (const theme of THEMES) {
    const name = `axe and layout, ${language}, ${theme}`;
    await take(name, { init: AXE }, async (given) => `${await look(given, language, theme)} axe checks passed`);
  }
}

for (const browser of browsers.values()) await browser.close();
proxy.close();
stand?.close();
console.log(`journeys: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped; screenshots in ${folder}`);
process.exitCode = counts.failed === 0 && counts.passed > 0 ? 0 : 1;

/** Runs one journey on a page of its own and says how it went. */
async function take(name, journey, run) {
  if (!name.includes(wanted)) return;
  if (journey.fixture && stand === null) return skipped(name, 'needs the stand-in node (WATCHFIRE_URL is set)');
  if (journey.real && stand !== null) return skipped(name, 'needs a node at WATCHFIRE_URL');
  stand?.fixture.reset();
  proxy.stalled = false;
  const started = Date.now();
  const browser = await browserFor(journey.webgl ?? true);
  const { page, context, faults } = await openPage(browser, proxy.url, {
    ...journey,
    storageState: journey.signedOut ? undefined : storageState,
  });
  try {
    let reason = null;
    const skip = (why) => void (reason = why);
    const note = await run({ page, url: proxy.url, proxy, folder, fixture: stand?.fixture, skip });
    if (faults.length > 0) throw new Error(faults.join('\n'));
    if (reason !== null) return skipped(name, reason);
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

function skipped(name, why) {
  counts.skipped += 1;
  console.log(`SKIPPED: ${name}: ${why}`);
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
