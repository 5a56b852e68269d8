// Opens pages in Chromium and prints what was met, as one JSON object: `node check.mjs OUT_FOLDER PAGE...`.
// NNC_NODE_MODULES names the folder with playwright-core and axe-core, NNC_CHROMIUM the browser.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";

const modules = createRequire(join(process.env.NNC_NODE_MODULES, "from-here.js"));
const { chromium } = modules("playwright-core");
const axe = readFileSync(modules.resolve("axe-core/axe.min.js"), "utf8");
const [out, ...pages] = process.argv.slice(2);
const WIDTHS = [390, 820, 1280];
const LONG = 1000; // rows of a page that axe would take minutes for; a shorter one of the same make is checked in its place

const browser = await chromium.launch({ executablePath: process.env.NNC_CHROMIUM, args: ["--no-sandbox"] });

async function open(path, options) {
  const page = await (await browser.newContext(options)).newPage();
  const told = { errors: [], requests: [] };
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && told.errors.push(message.text()));
  page.on("pageerror", (error) => told.errors.push(String(error)));
  page.on("request", (request) => told.requests.push(request.url().slice(0, 40)));
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  await page.goto(pathToFileURL(path).href, { waitUntil: "load" });
  await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
  const { metrics } = await session.send("Performance.getMetrics");
  told.busy = 1000 * metrics.find(({ name }) => name === "TaskDuration").value;
  told.loaded = await page.evaluate(() => performance.getEntriesByType("navigation")[0].loadEventEnd);
  return { page, told };
}

async function serious(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 200)}`);
}

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
  for (const colorScheme of (await page.locator("tr").count()) < LONG ? ["light", "dark"] : []) {
    const { page: other } = await open(path, { colorScheme, viewport: { width: 1280, height: 900 } });
    told.axe[colorScheme] = await serious(other);
    await other.context().close();
  }
  told.overflow = [];
  for (const width of WIDTHS) {
    const { page: other, told: again } = await open(path, { viewport: { width, height: 900 } });
    told.loaded = Math.min(told.loaded, again.loaded); // the machine may be busy with something else
    if (await other.evaluate(() => document.documentElement.scrollWidth > innerWidth)) told.overflow.push(width);
    await other.screenshot({ path: join(out, `${name}-${width}.png`) });
    await other.context().close();
  }
  await page.context().close();
  report[name] = told;
}
await browser.close();
console.log(JSON.stringify(report));
