"use strict";
(() => {
  const bytes = [...document.querySelectorAll("#hex .b")];
  const rows = [...document.querySelectorAll(".e")];
  const bits = document.getElementById("bits");
  const range = (row) => [Number(row.dataset.first), Number(row.dataset.last)];
  let marked = [];
  let kept = null;

  const clear = () => {
    for (const node of marked) node.classList.remove("on");
    marked = [];
    bits.replaceChildren();
  };

  const digits = (at) => parseInt(bytes[at].textContent, 16).toString(2).padStart(8, "0");

  const mark = (row) => {
    clear();
    const [first, last] = range(row);
    row.classList.add("on");
    marked.push(row);
    const from = first >> 3;
    const to = Math.min(Math.max(last, first) >> 3, bytes.length - 1);
    if (last < first || from >= bytes.length) {
      bits.textContent = `bit ${first}: no bit of its own`;
      return;
    }
    for (let at = from; at <= to; at++) {
      bytes[at].classList.add("on");
      marked.push(bytes[at]);
    }
    const most = Math.min(to, from + 15);
    let text = "";
    for (let at = from; at <= most; at++) text += digits(at);
    const own = document.createElement("b");
    own.textContent = text.slice(first - 8 * from, last + 1 - 8 * from);
    const after = text.slice(last + 1 - 8 * from);
    bits.append(`bits ${first} to ${last}: `, text.slice(0, first - 8 * from), own, after, most < to ? "…" : "");
  };

  const markByte = (at) => {
    const here = rows.filter((row) => {
      const [first, last] = range(row);
      return first <= last && first >> 3 <= at && at <= last >> 3;
    });
    if (!here.length) return;
    mark(here[0]);
    for (const row of here) {
      row.classList.add("on");
      marked.push(row);
    }
    if (here[0].offsetParent) here[0].scrollIntoView({ block: "nearest" });
  };

  const shown = () => rows.filter((row) => row.offsetParent !== null);

  document.addEventListener("pointerover", (event) => {
    if (kept) return;
    const row = event.target.closest(".e");
    const byte = event.target.closest("#hex .b");
    if (row) mark(row);
    else if (byte) markByte(Number(byte.dataset.at));
  });
  document.addEventListener("focusin", (event) => {
    const row = event.target.closest(".e");
    if (!row) return;
    mark(row);
    const [first] = range(row);
    const byte = bytes[first >> 3];
    if (byte) byte.scrollIntoView({ block: "nearest" });
  });
  document.addEventListener("click", (event) => {
    const row = event.target.closest(".e");
    if (!row) return;
    kept = kept === row ? null : row;
    row.focus();
  });
  document.addEventListener("keydown", (event) => {
    const row = event.target.closest(".e");
    if (event.key === "Escape") {
      kept = null;
      clear();
      return;
    }
    if (!row) return;
    const all = shown();
    const at = all.indexOf(row);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (event.key === "Enter") kept = kept === row ? null : row;
    if (next === undefined || !all[next]) return;
    event.preventDefault();
    row.tabIndex = -1;
    all[next].tabIndex = 0;
    all[next].focus();
  });
  if (rows.length) rows[0].tabIndex = 0;
})();
