// A picture of the top of a page: `node picture.mjs PAGE OUT.png WIDTH HEIGHT`; the environment as for pages.mjs.
import { browser, open } from "./pages.mjs";

const [path, out, width, height] = process.argv.slice(2);
const { page } = await open(path, { viewport: { width: Number(width), height: Number(height) }, colorScheme: "light" });
await page.screenshot({ path: out });
await browser.close();
