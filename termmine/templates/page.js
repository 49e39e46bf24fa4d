"use strict";
const fold = (text) => text.normalize("NFKC").toLowerCase();
const collator = new Intl.Collator("zh", { numeric: true });

function button(content) {
  const made = document.createElement("button");
  made.type = "button";
  made.append(content);
  return made;
}

// A table that can be searched and sorted. An entry is a tbody: its row, and perhaps a second one that opens.
function entries(box) {
  const table = box.querySelector("table");
  const [search, output, more] = ["input", "output", ".push"].map((name) => box.querySelector(name));
  const step = Number(box.dataset.step);
  const all = [...table.tBodies];
  const texts = new Map(all.map((entry) => [entry, fold([...entry.rows[0].cells].map((c) => c.textContent).join(" "))]));
  let order = all;
  let limit = step;

  function show() {
    const words = fold(search.value).split(/\s+/).filter(Boolean);
    const found = order.filter((entry) => words.every((word) => texts.get(entry).includes(word)));
    const shown = new Set(found.slice(0, limit));
    for (const entry of all) entry.hidden = !shown.has(entry);
    const [few, many] = [shown.size, found.length].map((n) => n.toLocaleString("en"));
    output.textContent = found.length ? `${few} of ${many} shown` : "nothing found";
    more.hidden = shown.size === found.length;
  }

  function sort(heading) {
    const now = heading.getAttribute("aria-sort");
    const descending = now ? now === "ascending" : heading.dataset.first === "descending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const number = heading.classList.contains("n");
    const value = (entry) => {
      const text = entry.rows[0].cells[heading.cellIndex].textContent.trim();
      return number ? parseFloat(text.replaceAll(",", "")) : text;
    };
    const keyed = all.map((entry) => [value(entry), entry]);
    const empty = ([key]) => key === "" || Number.isNaN(key); // at the end, whichever the direction
    const compare = ([a], [b]) => (number ? a - b : collator.compare(a, b)) * (descending ? -1 : 1);
    const given = keyed.filter((pair) => !empty(pair)).sort(compare);
    order = [...given, ...keyed.filter(empty)].map(([, entry]) => entry);
    table.append(...order);
    show();
  }

  function toggle(row) {
    const opener = row.querySelector("button");
    row.nextElementSibling.hidden = !row.nextElementSibling.hidden;
    opener.setAttribute("aria-expanded", !row.nextElementSibling.hidden);
  }

  for (const heading of table.tHead.rows[0].cells) {
    const made = button(heading.textContent);
    made.addEventListener("click", () => sort(heading));
    heading.replaceChildren(made);
  }
  for (const entry of all.filter((e) => e.rows.length > 1)) {
    const [row, opened] = entry.rows;
    const made = button(row.querySelector(".open").textContent);
    made.setAttribute("aria-controls", opened.id);
    made.setAttribute("aria-expanded", false);
    row.querySelector(".open").replaceChildren(made);
    row.classList.add("opens");
  }
  table.addEventListener("click", (event) => {
    const row = event.target.closest("tr.opens");
    const meant = event.target.closest("button") || getSelection().isCollapsed; // not the end of a selection
    if (row && meant && !event.target.closest("a")) toggle(row);
  });
  search.addEventListener("input", () => {
    limit = step;
    show();
  });
  more.addEventListener("click", () => {
    limit *= 4;
    show();
  });
  show();
}

// One switch for every code cell of a notebook.
function codeSwitch(made) {
  const cells = document.querySelectorAll("details.code");
  made.addEventListener("click", () => {
    const open = [...cells].some((cell) => !cell.open);
    for (const cell of cells) cell.open = open;
    made.textContent = open ? "Hide all code" : "Show all code";
  });
}

for (const box of document.querySelectorAll(".controls")) box.hidden = false;
for (const box of document.querySelectorAll(".entries-box")) entries(box);
for (const made of document.querySelectorAll(".code-switch")) codeSwitch(made);
