// Opens a page several times and prints the milliseconds of each time as JSON: `node opened.mjs PAGE ROUNDS`; the environment as for pages.mjs.
import { browser, open } from "./pages.mjs";

const [path, rounds] = process.argv.slice(2);
const found = { busy: [], loaded: [] };
for (let round = 0; round < Number(rounds); round++) {
  const { page, told } = await open(path, { viewport: { width: 1280, height: 900 } });
  found.busy.push(told.busy);
  found.loaded.push(told.loaded);
  await page.context().close();
}
await browser.close();
console.log(JSON.stringify(found));
