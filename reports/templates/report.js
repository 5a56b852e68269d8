"use strict";
(() => {
  const table = document.getElementById("case-table");
  const form = document.querySelector("form.filters");
  const count = document.querySelector("output.count");
  if (!table || !form || !count) return;

  const body = table.tBodies[0];
  const lists = new Set(["clause", "flag", "element"]);
  const rows = Array.from(body.rows, (row, place) => ({ row, place, data: row.dataset, text: row.textContent.toLowerCase() }));
  const shown = new Intl.NumberFormat("en");

  const levels = document.querySelector("form.levels");
  const shownLevels = () => levels && new Set(new FormData(levels).getAll("shown"));
  const wantedNow = () => Array.from(new FormData(form)).filter(([, value]) => value !== "");
  const matches = (entry, [key, value]) => {
    if (key === "text") return value.toLowerCase().split(/\s+/).every((word) => entry.text.includes(word));
    if (key === "outcome" && value === "failing") return entry.data.failing === "1";
    if (lists.has(key)) return entry.data[key].split(" ").includes(value);
    return entry.data[key] === value;
  };
  const apply = () => {
    const wanted = wantedNow();
    const kept = shownLevels();
    let left = 0;
    for (const entry of rows) {
      const keep = (!kept || kept.has(entry.data.level)) && wanted.every((filter) => matches(entry, filter));
      if (entry.row.hidden === keep) entry.row.hidden = !keep;
      left += keep ? 1 : 0;
    }
    const text = `${shown.format(left)} of ${shown.format(rows.length)} cases shown`;
    if (count.textContent !== text) count.textContent = text;
  };

  let due = 0;
  const applySoon = () => {
    cancelAnimationFrame(due);
    due = requestAnimationFrame(apply);
  };
  form.hidden = false;
  form.addEventListener("input", applySoon);
  form.addEventListener("reset", applySoon);
  form.addEventListener("submit", (event) => event.preventDefault());

  if (levels) {
    levels.hidden = false;
    levels.addEventListener("change", () => {
      const kept = shownLevels();
      for (const part of document.querySelectorAll(".strip[data-level], .failures article[data-level]")) {
        part.hidden = !kept.has(part.dataset.level);
      }
      apply();
    });
  }
  const showLevel = (level) => {
    const box = levels && Array.from(levels.elements.shown).find((one) => one.value === level);
    if (box && !box.checked) box.click();
  };

  const choose = (settings) => {
    form.reset();
    for (const [key, value] of Object.entries(settings)) {
      if (form.elements[key]) form.elements[key].value = value;
    }
    apply();
  };
  for (const link of document.querySelectorAll("a[data-field]")) {
    link.addEventListener("click", () => {
      if (link.dataset.field === "level") showLevel(link.dataset.key);
      choose({ standing: "conformance", decoder: link.dataset.decoder, [link.dataset.field]: link.dataset.key });
    });
  }

  const collator = new Intl.Collator("en", { numeric: true });
  const headings = Array.from(table.tHead.rows[0].cells);
  const sortBy = (heading, column) => {
    const next = { none: "ascending", ascending: "descending", descending: "none" }[heading.getAttribute("aria-sort") ?? "none"];
    for (const other of headings) other.removeAttribute("aria-sort");
    if (next !== "none") heading.setAttribute("aria-sort", next);
    const sign = next === "descending" ? -1 : 1;
    const keyed = rows.map((entry) => [next === "none" ? "" : entry.row.cells[column].textContent, entry]);
    keyed.sort((a, b) => sign * collator.compare(a[0], b[0]) || a[1].place - b[1].place);
    body.append(...keyed.map(([, entry]) => entry.row));
  };
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sortBy(heading, column));
    heading.append(button);
  });

  const byStrip = new Map();
  for (const entry of rows) {
    const key = `${entry.data.level}/${entry.data.decoder}`;
    if (!byStrip.has(key)) byStrip.set(key, []);
    byStrip.get(key).push(entry);
  }
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true");
  document.body.append(tip);
  let found = null;
  const entryAt = (picture, event) => {
    const box = picture.getBoundingClientRect();
    const { columns, pitch, level, decoder } = picture.dataset;
    const scale = picture.viewBox.baseVal.width / box.width / pitch;
    const column = Math.floor((event.clientX - box.left) * scale);
    const line = Math.floor((event.clientY - box.top) * scale);
    return column < columns ? byStrip.get(`${level}/${decoder}`)?.[line * columns + column] : undefined;
  };
  for (const picture of document.querySelectorAll("svg.cells")) {
    picture.classList.add("live");
    picture.addEventListener("pointermove", (event) => {
      const entry = entryAt(picture, event);
      tip.hidden = !entry;
      if (!entry) return;
      tip.textContent = `${entry.row.cells[1].textContent}: ${entry.data.outcome.replace("_", " ")}`;
      tip.style.left = `${Math.min(event.clientX + 12, innerWidth - tip.offsetWidth - 8)}px`;
      tip.style.top = `${event.clientY + 16}px`;
    });
    picture.addEventListener("pointerleave", () => { tip.hidden = true; });
    picture.addEventListener("click", (event) => {
      const entry = entryAt(picture, event);
      if (!entry) return;
      const link = entry.row.querySelector("a");
      if (link) {
        link.click();
        return;
      }
      found?.classList.remove("found");
      found = entry.row;
      found.classList.add("found");
      choose({});
      found.scrollIntoView({ block: "center" });
    });
  }

  for (const holder of document.querySelectorAll(".reproduce")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    holder.append(button);
  }
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.(".copy");
    if (!button) return;
    const code = button.parentElement.querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });

  apply();
})();
