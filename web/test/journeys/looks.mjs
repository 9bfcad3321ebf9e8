// What every page must hold in every language and theme: axe finds nothing, nothing overlaps, a picture is kept.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';

export const AXE = { path: createRequire(import.meta.url).resolve('axe-core/axe.min.js') };
export const LANGUAGES = ['en', 'ja', 'ko'];
export const THEMES = ['dark', 'light'];
const SIZES = [[1366, 768], [1920, 1080]];
const PAGES = ['lines', 'findings', 'panels'];

/** Walks every page in one language and theme; answers the number of axe checks that passed. */
export async function look({ page, url, folder, fixture }, language, theme) {
  await page.addInitScript(([code, name]) => {
    localStorage.setItem('watchfire.language', code);
    localStorage.setItem('watchfire.theme', name);
  }, [language, theme]);
  await page.goto(url);
  await page.waitForSelector('[data-mode=gl], [data-mode=plain]', { timeout: 30_000 });
  await page.waitForTimeout(800);
  assert.equal(await page.evaluate(() => document.documentElement.lang), language);
  let passes = 0;
  for (const [width, height] of SIZES) {
    await page.setViewportSize({ width, height });
    await page.waitForTimeout(600);
    await fits(page, `watch ${width}`);
    await page.screenshot({ path: join(folder, `watch-${language}-${theme}-${width}.png`) });
  }
  await page.setViewportSize({ width: 1366, height: 768 });
  passes += await accessible(page, 'watch');
  const row = page.locator('[data-table=tracks] [data-row]').first();
  if ((await row.count()) > 0) {
    await row.click();
    await page.waitForSelector('[data-card]');
    passes += await accessible(page, 'track card');
    await fits(page, 'track card');
    await page.screenshot({ path: join(folder, `card-${language}-${theme}.png`) });
    if (fixture !== undefined) passes += await receipts(page, folder, language, theme);
  }
  passes += await dialog(page, folder, fixture, language, theme);
  if (fixture !== undefined) passes += await trouble(page, folder, fixture, language, theme);
  fixture?.set({ corrected: true });
  for (const name of PAGES) {
    await page.goto(`${url}#/${name}`);
    await page.waitForSelector('main h1');
    passes += await accessible(page, name);
    await fits(page, name);
    await page.screenshot({ path: join(folder, `${name}-${language}-${theme}.png`) });
  }
  fixture?.set({ corrected: false });
  return passes;
}

async function dialog(page, folder, fixture, language, theme) {
  const act = page.locator('[data-act]').first();
  if ((await act.count()) === 0) return 0;
  await act.click();
  await page.waitForSelector('dialog[open]');
  if (fixture !== undefined) await page.waitForSelector('[data-preview] li');
  const passes = await accessible(page, 'dialog');
  await page.screenshot({ path: join(folder, `dialog-${language}-${theme}.png`) });
  await page.keyboard.press('Escape');
  return passes;
}

async function receipts(page, folder, language, theme) {
  await page.locator('[data-card] [data-receipts]').first().focus();
  await page.keyboard.press('Enter');
  await page.waitForSelector('[data-table=receipts]');
  await page.click('[data-why=USA]');
  await page.waitForSelector('[data-dialog=receipts] .why p');
  const passes = await accessible(page, 'receipts');
  await page.screenshot({ path: join(folder, `receipts-${language}-${theme}.png`) });
  await page.keyboard.press('Escape');
  return passes;
}

/** The same page with a lost line, silent sensors, a gap, a late warning and one without support. */
async function trouble(page, folder, fixture, language, theme) {
  fixture.set({ lost: true, unsupported: true, gap: true });
  await page.waitForSelector('[data-gaps]');
  const passes = await accessible(page, 'trouble');
  await fits(page, 'trouble');
  await page.screenshot({ path: join(folder, `trouble-${language}-${theme}.png`) });
  fixture.reset();
  return passes;
}

async function accessible(page, where) {
  const { violations, passes } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations', 'passes'] }));
  const told = violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary}`).join(' | ')}`);
  assert.deepEqual(told, [], `axe on ${where}`);
  return passes.length;
}

/** Nothing runs out of the window, no header part covers another, no text is cut in its cell or button. */
async function fits(page, where) {
  const faults = await page.evaluate(() => {
    const found = [];
    if (document.documentElement.scrollWidth > innerWidth) found.push(`page ${document.documentElement.scrollWidth} px wide`);
    const parts = [...document.querySelectorAll('header > *')].map((part) => part.getBoundingClientRect());
    parts.forEach((part, at) => {
      const next = parts[at + 1];
      if (next !== undefined && next.left >= part.left && part.right > next.left + 0.5) found.push(`header part ${at} covers the next by ${part.right - next.left} px`);
      if (part.right > innerWidth + 0.5) found.push(`header part ${at} ends at ${part.right}`);
    });
    for (const scroll of document.querySelectorAll('.scroll')) {
      if (scroll.scrollWidth > scroll.clientWidth + 1) found.push(`${scroll.getAttribute('aria-label') ?? scroll.className} scrolls sideways by ${scroll.scrollWidth - scroll.clientWidth} px`);
    }
    for (const button of document.querySelectorAll('button, .watch h2, .watch td, .watch th')) {
      if (button.scrollWidth > button.clientWidth + 1 && button.clientWidth > 0) found.push(`cut: ${button.textContent}`);
    }
    return found;
  });
  assert.deepEqual(faults, [], `layout of ${where}`);
}
