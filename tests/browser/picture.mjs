// A picture of the top of a page: `node picture.mjs PAGE OUT.png WIDTH HEIGHT`; the environment as for check.mjs.
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const { chromium } = createRequire(join(process.env.NNC_NODE_MODULES, "from-here.js"))("playwright-core");
const [path, out, width, height] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: process.env.NNC_CHROMIUM, args: ["--no-sandbox"] });
const page = await browser.newPage({ viewport: { width: Number(width), height: Number(height) }, colorScheme: "light" });
await page.goto(pathToFileURL(path).href);
await page.screenshot({ path: out });
await browser.close();
