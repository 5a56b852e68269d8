// A Chromium, its pages, and what axe finds serious in one. NNC_NODE_MODULES names the folder with playwright-core and axe-core,
// NNC_CHROMIUM the browser.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const modules = createRequire(join(process.env.NNC_NODE_MODULES, "from-here.js"));
const { chromium } = modules("playwright-core");
const axe = readFileSync(modules.resolve("axe-core/axe.min.js"), "utf8");

export const WIDTHS = [390, 820, 1280];
export const SCHEMES = ["light", "dark"];
export const browser = await chromium.launch({ executablePath: process.env.NNC_CHROMIUM, args: ["--no-sandbox"] });

export async function open(path, options) {
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

// What axe finds serious, in all that is folded too.
export async function serious(page) {
  await page.evaluate(axe);
  await page.evaluate(() => document.querySelectorAll("details").forEach((one) => (one.open = true)));
  const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 200)}`);
}

export const wider = (page) => page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
