// Chromium as the journeys use it: software GL, an empty profile, and a witness of what goes wrong.
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const FLAGS = [
  '--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-default-apps', '--disable-domain-reliability',
];
const SOFTWARE_GL = ['--disable-gpu-compositing', '--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader'];
const PROGRAMS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Launches Chromium with a new profile; `webgl: false` takes WebGL away altogether. */
export async function launch({ webgl = true } = {}) {
  const executablePath = process.env.WATCHFIRE_CHROMIUM ?? PROGRAMS.find((path) => existsSync(path));
  if (executablePath === undefined) throw new Error(`no Chromium at ${PROGRAMS.join(', ')}; set WATCHFIRE_CHROMIUM`);
  return chromium.launch({ executablePath, args: [...FLAGS, ...(webgl ? SOFTWARE_GL : ['--disable-3d-apis', '--disable-gpu'])] });
}

/** A page in its own context, and the list of everything that should not have happened on it. */
export async function openPage(browser, origin, options = {}) {
  const { language = 'en-US', width = 1366, height = 768, storageState, reducedMotion = 'no-preference', init } = options;
  const context = await browser.newContext({ locale: language, viewport: { width, height }, storageState, reducedMotion });
  if (init !== undefined) await context.addInitScript(init);
  const page = await context.newPage();
  const faults = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()) && !isNoise(message.text())) faults.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`page error: ${error.message}`));
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.origin !== new URL(origin).origin && url.protocol !== 'data:') faults.push(`outside request: ${request.url()}`);
  });
  return { page, context, faults };
}

/** What software GL and deliberate refusals say on any page. */
function isNoise(text) {
  return /GPU stall|GL Driver Message|software WebGL|swiftshader|status of 40[139]|ERR_(ABORTED|INCOMPLETE|EMPTY)/i.test(text);
}
