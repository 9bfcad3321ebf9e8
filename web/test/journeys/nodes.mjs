// Journeys that need real nodes: what the stand-in node cannot prove. `nodes` starts and kills them.
import assert from 'node:assert/strict';

/** Before the pages are looked at in every language. */
export const LIVE = [
  { name: 'tracks appear and move on their own', run: moving },
  { name: 'a draft of a real node is released', run: release },
];

/** After it: these take nodes away. */
export const LOSSES = [
  { name: 'a node that is killed is a lost line', run: killed },
  { name: 'the display says frozen when its own node is killed', run: frozen },
];

/** A domain the console has no page for; `WATCHFIRE_STATEMENT` says what to append and what to find. */
export const PANEL = { name: 'a domain without a page is a plain panel', run: panel };

const DRAFT_WITHIN_MS = 240_000;

async function moving({ page, url }) {
  await page.goto(url);
  await page.locator('[data-table=tracks] [data-track]').first().waitFor({ timeout: 90_000 });
  const rows = () =>
    page.$$eval('[data-table=tracks] [data-track]', (each) => each.map((row) => [row.dataset.track, row.textContent]));
  const first = new Map(await rows());
  const begun = Date.now();
  // Tracks come and go; one that is in both looks has to have moved.
  const isMoved = ([id, text]) => first.has(id) && first.get(id) !== text;
  while (!(await rows()).some(isMoved)) {
    assert.ok(Date.now() - begun < 30_000, `no row changes: ${JSON.stringify([...first])}`);
    await page.waitForTimeout(200);
  }
  return `${first.size} tracks, the first change after ${Date.now() - begun} ms`;
}

async function release({ page, url, folder }) {
  await page.goto(url);
  const act = page.locator('[data-act=release]').first();
  await act.waitFor({ timeout: DRAFT_WITHIN_MS });
  const id = await act.evaluate((button) => button.closest('[data-warning]').dataset.warning);
  await page.screenshot({ path: `${folder}/draft.png` });
  await act.click();
  await page.screenshot({ path: `${folder}/release.png` });
  await page.click('dialog [data-confirm]');
  await page.waitForSelector('dialog .done, dialog .problem');
  assert.equal(await page.locator('dialog .problem').count(), 0, await page.innerText('dialog'));
  await page.keyboard.press('Escape');
  await page.waitForSelector(`[data-warning="${id}"]:not([data-state=draft])`);
  await page.screenshot({ path: `${folder}/released.png` });
  return id;
}

async function killed({ page, url, folder, nodes }) {
  await page.goto(url);
  await page.waitForSelector('[data-line="USA-1"]');
  assert.match(await page.innerText('[data-line="USA-1"]'), /Up/);
  nodes.endPlay();
  await nodes.USA.kill();
  const begun = Date.now();
  await page.waitForFunction(() => document.querySelector('[data-line="USA-1"]')?.textContent?.includes('Lost'), null, { timeout: 60_000 });
  const took_s = (Date.now() - begun) / 1_000;
  assert.match(await page.innerText('[data-gaps]'), /USA/);
  await page.screenshot({ path: `${folder}/lost-line.png` });
  return `lost after ${took_s.toFixed(1)} s`;
}

async function frozen({ page, url, folder, nodes }) {
  await page.goto(url);
  await page.waitForSelector('[data-line="KOR-1"]');
  // What the map still has to fetch would fail for another reason.
  await page.waitForSelector('[data-mode=gl], [data-mode=plain]', { timeout: 30_000 });
  await page.waitForLoadState('networkidle', { timeout: 3_000 }).catch(() => {});
  await nodes.JPN.kill();
  const begun = Date.now();
  await page.waitForSelector('[data-banner=frozen]', { timeout: 10_000 });
  const took_ms = Date.now() - begun;
  await page.screenshot({ path: `${folder}/frozen.png` });
  return `banner after ${took_ms} ms`;
}

async function panel({ page, url, nodes }) {
  const { kind, content, collection, title, cell, present } = JSON.parse(process.env.WATCHFIRE_STATEMENT);
  if (present) await nodes.append('JPN', kind, content);
  else await assert.rejects(nodes.append('JPN', kind, content), /invalid value|expected/);
  await page.goto(`${url}#/panels/${collection.split('.')[0]}`);
  await page.waitForSelector('nav[aria-label=Domains] a');
  const tabs = await page.innerText('nav[aria-label=Domains]');
  assert.equal(tabs.includes(title), present, tabs);
  const panels = page.locator(`[data-collection="${collection}"]`);
  if (present) await panels.locator(`td >> text=${cell}`).waitFor();
  else assert.equal(await panels.count(), 0);
  return present ? `${cell} in ${collection}` : `no ${collection}`;
}
