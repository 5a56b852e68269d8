// Uses the pages of traces as a reader would, and prints what was met: `node trace.mjs OUT_FOLDER PAGE...`; the environment as for pages.mjs.
import { basename, join } from "node:path";
import { SCHEMES, WIDTHS, browser, open, serious, wider } from "./pages.mjs";

const [out, ...pages] = process.argv.slice(2);
const HEIGHT = 900;
const MANY = 300; // elements and bins of a page that is not gone through one by one

const rows = (page) => page.locator(".e");
const bytes = (page) => page.locator("#hex .b");

// What is marked now: the line below, the places of bytes and elements, and whether the first of each is in sight of its pane.
const marks = (page) =>
  page.evaluate(() => {
    const places = (selector, which) => [...document.querySelectorAll(selector)].flatMap((node, at) => (node.classList.contains(which) ? [at] : []));
    const seen = (node) => {
      if (!node) return null;
      const [own, pane] = [node.getBoundingClientRect(), node.closest(".pane").getBoundingClientRect()];
      const bottom = Math.min(pane.bottom, document.querySelector(".mark").getBoundingClientRect().top);
      return own.top >= pane.top - 1 && own.bottom <= bottom + 1;
    };
    return {
      text: document.getElementById("mark").textContent,
      own: document.querySelector("#mark .own")?.textContent ?? "",
      bytes: places("#hex .b", "on"),
      around: places("#hex .b", "of"),
      rows: places(".e", "on"),
      byteSeen: seen(document.querySelector("#hex .b.on")),
      rowSeen: seen(document.querySelector(".e.on")),
      page: scrollY,
    };
  });

// Scrolls a pane as far as it goes, so that its first line is out of sight where that can be.
const toEnd = (page, pane) => page.locator(pane).evaluate((node) => node.scrollTo(0, node.scrollHeight));

// What the pointer shows, of one after the other.
async function each(locator, page) {
  const found = [];
  for (const one of await locator.all()) {
    const [x, y] = await one.evaluate((node) => {
      node.scrollIntoView({ block: "nearest" });
      const { left, top, width, height } = node.getBoundingClientRect();
      return [left + width / 2, top + height / 2];
    });
    await page.mouse.move(0, 0);
    await page.mouse.move(x, y);
    found.push((await marks(page)).text);
  }
  return found;
}

// What the arrow keys show, from the first on, while the pointer rests in a pane that scrolls below it.
async function walked(page, first, key, count) {
  const { x, y, width, height } = await first.locator("xpath=ancestor::section").boundingBox();
  await page.mouse.move(x + width / 2, y + height / 2);
  await first.focus();
  const found = [(await marks(page)).text];
  for (let step = 1; step < count; step++) {
    await page.keyboard.press(key);
    found.push((await marks(page)).text);
  }
  return found;
}

const focused = (page) => page.evaluate(() => document.activeElement.querySelector(".e-name")?.textContent ?? document.activeElement.textContent);

async function stops(page, most) {
  const found = [];
  for (let step = 0; step < most; step++) {
    await page.keyboard.press("Tab");
    found.push(await page.evaluate(() => document.activeElement.role ?? document.activeElement.localName));
  }
  return found;
}

async function used(page) {
  const found = { stops: await stops(page, 4) };
  await page.locator("details.bins > summary").last().click();
  const [ofRows, ofBytes] = [await rows(page).count(), await bytes(page).count()];
  found.counts = [ofRows, ofBytes];
  found.hovered = { rows: await each(rows(page), page), bytes: await each(bytes(page), page) };
  found.walked = {
    rows: await walked(page, rows(page).first(), "ArrowDown", ofRows),
    bytes: await walked(page, bytes(page).first(), "ArrowRight", ofBytes),
  };
  await bytes(page).first().focus();
  await page.keyboard.press("ArrowDown");
  found.below = (await marks(page)).bytes;
  await page.keyboard.press("End");
  found.end = (await marks(page)).bytes;
  await page.locator("details.bins > summary").last().click();
  await rows(page).first().focus();
  await page.keyboard.press("End");
  found.lastOpen = await focused(page);
  await page.keyboard.press("Home");
  await page.keyboard.press("Enter");
  await rows(page).nth(5).hover();
  found.kept = (await marks(page)).rows;
  await page.keyboard.press("Escape");
  found.escaped = await marks(page);
  await rows(page).nth(4).hover();
  found.let = (await marks(page)).rows;
  await page.locator("details.unit > summary").first().click();
  await bytes(page).nth(2).click();
  found.led = [await focused(page), await page.locator("details.unit").first().evaluate((unit) => unit.open)];
  return found;
}

const report = {};
for (const path of pages) {
  const name = basename(path, ".html");
  const { page, told } = await open(path, { viewport: { width: 1280, height: HEIGHT } });
  const small = (await rows(page).count()) < MANY;
  if (small && (await page.locator("details.bins").count())) told.used = await used(page);
  await page.context().close();
  told.axe = {};
  told.overflow = [];
  told.marks = {};
  for (const colorScheme of SCHEMES)
    for (const width of WIDTHS) {
      const { page: other, told: again } = await open(path, { colorScheme, viewport: { width, height: HEIGHT } });
      told.errors.push(...again.errors);
      if (await wider(other)) told.overflow.push(width);
      await toEnd(other, "#elements");
      await bytes(other).nth(2).hover();
      const byte = await marks(other);
      await other.screenshot({ path: join(out, `trace-${name}-${colorScheme}-${width}.png`) });
      await toEnd(other, ".bytes");
      await rows(other).nth(1).hover();
      told.marks[`${colorScheme}-${width}`] = { byte, row: await marks(other) };
      if (small) told.axe[`${colorScheme}-${width}`] = await serious(other);
      await other.context().close();
    }
  report[name] = told;
}
await browser.close();
console.log(JSON.stringify(report));
