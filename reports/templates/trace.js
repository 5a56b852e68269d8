"use strict";
(() => {
  const NAMED = 4; // elements of a byte that the status line names
  const DIGITS = 16; // bytes of an element whose bits the status line shows
  const hex = document.getElementById("hex");
  const lines = [...hex.children];
  const bytes = [...hex.querySelectorAll(".b")];
  const places = new Map(bytes.map((byte, at) => [byte, at]));
  const rows = [...document.querySelectorAll(".e")];
  const ranges = new Map(rows.map((row) => [row, [Number(row.dataset.first), Number(row.dataset.last)]]));
  const order = new Map(rows.map((row, at) => [row, at]));
  const status = document.getElementById("mark");
  let marked = [];
  let kept = null;

  const set = (node, name) => {
    node.classList.add(name);
    if (name === "on") node.ariaSelected = "true";
    marked.push(node);
  };

  const clear = () => {
    for (const node of marked) {
      node.classList.remove("on", "of");
      node.ariaSelected = null;
    }
    marked = [];
    status.textContent = "Nothing is marked.";
  };

  const part = (name, text) => {
    const node = document.createElement(name ? "span" : "b");
    if (name) node.className = name;
    node.textContent = text;
    return node;
  };

  const textOf = (row, selector) => row.querySelector(selector).textContent;
  const named = (row) => [part("", textOf(row, ".e-name")), ` = ${textOf(row, ".e-value")}`];
  const bits = (at) => parseInt(bytes[at].textContent, 16).toString(2).padStart(8, "0");

  // The bytes of a row; empty if it has no bits of its own, or if its bytes are not shown.
  const bytesOf = (row) => {
    const [first, last] = ranges.get(row);
    return last < first ? [] : bytes.slice(first >> 3, (last >> 3) + 1);
  };

  const markRow = (row) => {
    clear();
    set(row, "on");
    const [first, last] = ranges.get(row);
    const own = bytesOf(row);
    for (const byte of own) set(byte, "on");
    status.replaceChildren(...named(row));
    if (last < first) {
      status.append(`; at bit ${first}, no bit of its own`);
      return;
    }
    status.append(first === last ? `; bit ${first}` : `; bits ${first} to ${last}`);
    if (!own.length) {
      status.append(", not among the bytes shown");
      return;
    }
    const from = first >> 3;
    const text = own.slice(0, DIGITS).map((_, step) => bits(from + step)).join("");
    const [start, end] = [first - 8 * from, last + 1 - 8 * from];
    status.append(": ", text.slice(0, start), part("own", text.slice(start, end)), text.slice(end), own.length > DIGITS ? "…" : "");
  };

  const rowsOf = (at) =>
    rows.filter((row) => {
      const [first, last] = ranges.get(row);
      return first <= last && first >> 3 <= at && at <= last >> 3;
    });

  const markByte = (byte) => {
    clear();
    const at = places.get(byte);
    const here = rowsOf(at);
    for (const row of here) {
      set(row, "on");
      for (const other of bytesOf(row)) if (other !== byte) set(other, "of");
    }
    set(byte, "on");
    status.replaceChildren(`byte ${at}, ${bits(at)}: `);
    here.slice(0, NAMED).forEach((row, number) => status.append(number ? ", " : "", ...named(row)));
    if (here.length > NAMED) status.append(`, and ${here.length - NAMED} more`);
    if (!here.length) status.append("no element shown");
    const seen = here.find(open);
    if (seen) reveal(seen);
  };

  const open = (row) => !row.closest("details:not([open])");

  // Scroll the pane of a node, never the page: the pointer would then be elsewhere.
  const reveal = (node) => {
    const pane = node.closest(".pane");
    const [own, around] = [node.getBoundingClientRect(), pane.getBoundingClientRect()];
    if (own.top < around.top) pane.scrollTop += own.top - around.top;
    else if (own.bottom > around.bottom) pane.scrollTop += own.bottom - around.bottom;
  };

  const mark = (node) => {
    if (!ranges.has(node)) {
      markByte(node);
      return;
    }
    markRow(node);
    const [first] = bytesOf(node);
    if (first) reveal(first);
  };

  // The one element and the one byte that Tab stops at.
  const stops = { row: rows[0], byte: bytes[0] };
  const go = (node) => {
    const kind = ranges.has(node) ? "row" : "byte";
    stops[kind].tabIndex = -1;
    stops[kind] = node;
    node.tabIndex = 0;
    node.focus();
  };

  const toFirstRow = (byte) => {
    const [row] = rowsOf(places.get(byte));
    if (!row) return;
    for (let around = row.closest("details"); around; around = around.parentElement.closest("details")) around.open = true;
    go(row);
  };

  const chosen = (node) => {
    if (!ranges.has(node)) {
      toFirstRow(node);
      return;
    }
    kept = kept === node ? null : node;
    mark(node);
  };

  const across = () => {
    const wrap = bytes.findIndex((byte) => byte.offsetTop !== bytes[0].offsetTop);
    return wrap < 0 ? bytes.length : wrap;
  };

  const visible = (from, step) => {
    let at = from;
    while (rows[at] && !open(rows[at])) at += step;
    return rows[at];
  };

  const next = (node, key) => {
    if (ranges.has(node)) {
      const at = order.get(node);
      const ways = { ArrowDown: [at + 1, 1], ArrowUp: [at - 1, -1], Home: [0, 1], End: [rows.length - 1, -1] };
      return ways[key] && visible(...ways[key]);
    }
    const at = places.get(node);
    const ways = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across(), ArrowUp: -across(), Home: -at, End: bytes.length - 1 - at };
    return key in ways ? bytes[at + ways[key]] : undefined;
  };

  const target = (event) => event.target.closest(".e, .b");

  // Last position of the pointer: a node that scrolls below a resting pointer is not marked.
  let place = "";
  const placeOf = (event) => `${event.screenX} ${event.screenY}`;
  document.addEventListener("pointermove", (event) => {
    place = placeOf(event);
  });
  document.addEventListener("pointerover", (event) => {
    const node = target(event);
    if (node && !kept && placeOf(event) !== place) mark(node);
  });
  document.addEventListener("focusin", (event) => {
    const node = target(event);
    if (!node) return;
    if (kept !== node) kept = null;
    mark(node);
  });
  document.addEventListener("click", (event) => {
    const node = target(event);
    if (!node) return;
    go(node);
    chosen(node);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      kept = null;
      clear();
      return;
    }
    const node = target(event);
    if (!node || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Enter") {
      chosen(node);
      return;
    }
    const found = next(node, event.key);
    if (!found) return;
    event.preventDefault();
    go(found);
  });

  hex.role = "grid";
  for (const line of lines) {
    line.role = "row";
    line.firstElementChild.role = "rowheader";
  }
  for (const byte of bytes) {
    byte.role = "gridcell";
    byte.tabIndex = -1;
  }
  for (const list of document.querySelectorAll(".list")) list.role = "listbox";
  for (const row of rows) row.role = "option";
  for (const node of [rows[0], bytes[0]]) if (node) node.tabIndex = 0;
})();
