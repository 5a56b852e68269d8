// Opens pages in Chromium and prints what was met, as one JSON object: `node check.mjs OUT_FOLDER PAGE...`; the environment as for pages.mjs.
import { basename, join } from "node:path";
import { SCHEMES, WIDTHS, browser, open, serious, wider } from "./pages.mjs";

const [out, ...pages] = process.argv.slice(2);
const LONG = 1000; // rows of a page that axe would take minutes for; a shorter one of the same make is checked in its place

async function used(page) {
  const seen = (selector) => page.evaluate((which) => [...document.querySelectorAll(which)].filter((one) => one.checkVisibility()).length, selector);
  const shown = () => seen("#case-table tbody tr");
  const first = () => page.evaluate(() => [...document.querySelectorAll("#case-table tbody tr")].find((row) => !row.hidden).cells[1].textContent);
  const count = () => page.locator("output.count").textContent();
  await page.keyboard.press("Tab");
  const found = { all: await shown(), firstStop: await page.evaluate(() => document.activeElement.textContent) };
  await page.locator('select[name="outcome"]').selectOption("failing");
  await page.waitForTimeout(50);
  found.failing = await shown();
  found.count = await count();
  await page.locator("form.filters button[type=reset]").click();
  await page.locator('input[name="text"]').fill("case-0007");
  await page.waitForTimeout(50);
  found.text = await shown();
  await page.locator("form.filters button[type=reset]").click();
  await page.waitForTimeout(50);
  const box = page.locator('form.levels input[value="negative"]');
  await box.uncheck();
  found.withoutLevel = await shown();
  found.strips = await seen(".strip");
  found.articles = await seen('.failures article[data-level="negative"]');
  await box.check();
  const heading = page.locator("#case-table thead th button").nth(1);
  await heading.focus();
  await page.keyboard.press("Enter");
  found.ascending = await first();
  await page.keyboard.press("Enter");
  found.descending = await first();
  found.sort = await page.locator("#case-table thead th").nth(1).getAttribute("aria-sort");
  await page.keyboard.press("Enter");
  await page.locator("a[data-field=level]").first().click();
  found.ofFigure = await count();
  return found;
}

const report = {};
for (const path of pages) {
  const name = basename(path, ".html");
  const { page, told } = await open(path, { viewport: { width: 1280, height: 900 } });
  if (await page.locator("#case-table").count()) told.used = await used(page);
  told.axe = {};
  for (const colorScheme of (await page.locator("tr").count()) < LONG ? SCHEMES : []) {
    const { page: other } = await open(path, { colorScheme, viewport: { width: 1280, height: 900 } });
    told.axe[colorScheme] = await serious(other);
    await other.context().close();
  }
  told.overflow = [];
  for (const width of WIDTHS) {
    const { page: other, told: again } = await open(path, { viewport: { width, height: 900 } });
    told.loaded = Math.min(told.loaded, again.loaded); // the machine may be busy with something else
    if (await wider(other)) told.overflow.push(width);
    await other.screenshot({ path: join(out, `${name}-${width}.png`) });
    await other.context().close();
  }
  await page.context().close();
  report[name] = told;
}
await browser.close();
console.log(JSON.stringify(report));
