// Tables can be sorted and filtered. Without this script they are read as they stand.
"use strict";
const number = new Intl.Collator(undefined, { numeric: true });
const shown = (cell) => cell?.querySelector("data")?.value ?? cell?.textContent.trim() ?? "";

function compare(a, b) {
  const [x, y] = [Number(a), Number(b)];
  if (a !== "" && b !== "" && !Number.isNaN(x) && !Number.isNaN(y)) return x - y;
  return number.compare(a, b);
}

function sort(table, head, column) {
  const up = head.getAttribute("aria-sort") === "descending";
  for (const other of table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  for (const body of table.tBodies) {
    const rows = [...body.rows].filter((row) => !row.classList.contains("group"));
    rows.sort((a, b) => (up ? 1 : -1) * compare(shown(a.cells[column]), shown(b.cells[column])));
    body.append(...rows);
  }
}

function filter(table, words) {
  for (const body of table.tBodies) {
    const title = body.querySelector("tr.group");
    const above = title?.textContent.toLowerCase() ?? "";
    let left = 0;
    for (const row of body.rows) {
      if (row === title) continue;
      const text = above + " " + row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      left += !row.hidden;
    }
    body.hidden = left === 0;
  }
}

for (const table of document.querySelectorAll("table")) {
  const bodies = [...table.tBodies];
  const most = Math.max(0, ...bodies.map((body) => body.querySelectorAll("tr:not(.group)").length));
  const total = bodies.reduce((sum, body) => sum + body.querySelectorAll("tr:not(.group)").length, 0);
  const heads = table.tHead?.rows[table.tHead.rows.length - 1]?.cells ?? [];
  if (most > 2) {
    [...heads].forEach((head, column) => {
      if (head.tagName !== "TH") return;
      const button = document.createElement("button");
      button.type = "button";
      button.title = "sort by this column";
      button.append(...head.childNodes);
      button.addEventListener("click", () => sort(table, head, column));
      head.append(button);
    });
  }
  if (total > 12) {
    const field = document.createElement("input");
    field.type = "search";
    field.placeholder = "filter, such as: skin causal";
    field.setAttribute("aria-label", `filter the rows of: ${table.caption?.textContent ?? "this table"}`);
    field.addEventListener("input", () => filter(table, field.value.toLowerCase().split(/\s+/).filter(Boolean)));
    table.parentElement.before(field);
  }
}
