// The first screen, and the table of verdicts.
function overview() {
  const cells = chosenCells(), f = filters();
  show("sentences", claimSentences(cells, f));
  const pairs = groups(cells, (cell) => [cell.model, cell.dataset, ...campaignOf(cell)]);
  byId("pictures").classList.toggle("many", pairs.length > 4);
  show("pictures", pairs.map(([key, group]) => dilemmaPicture(visible(key.join(", ")), group, f, pairs.length > 4)), cells.length ? null : el("p", {}, "No finished cell is chosen."));
  show("heat", cells.length ? heatMap(cells, f) : null);
}

function absentCells() {
  if (!INDEX.absent.length) return null;
  const count = INDEX.absent.length;
  return el("details", { open: count <= 8, class: "absent" }, el("summary", {}, `${plural(count, "planned cell")} without a result`),
    el("ul", { class: "note" }, INDEX.absent.map((cell) => el("li", {}, visible(`${INDEX.campaigns.length > 1 ? INDEX.campaigns[cell.campaign] + ": " : ""}${cell.id}: ${cell.status}${cell.note ? ` (${cell.note})` : ""}`)))));
}

function rateCell(r, mean = false) {
  return el("td", { "data-v": r.total ? r.value.toFixed(6) : "" }, mean ? (r.total ? r.value.toFixed(2) : DASH) : percent(r.value),
    el("small", {}, mean ? `n = ${thousands(r.total)}` : `${thousands(r.count)}/${thousands(r.total)}`),
    r.total ? el("small", {}, mean ? `${r.low.toFixed(2)} to ${r.high.toFixed(2)}` : interval(r)) : null);
}

function verdictRow(cells, f, probes) {
  const [cell] = cells, left = knowledgeLeft(cells, f), wrecked = destructive(cells, f);
  return el("tr", {}, el("td", { class: "l" }, el("b", {}, visible(cell.method))), el("td", { class: "l m" }, visible(cell.model), el("small", {}, visible([cell.dataset, ...campaignOf(cell)].join(", ")))),
    el("td", { "data-v": cell.seed }, cells.map((one) => one.seed).join(", ")), el("td", { "data-v": forgottenCount(cells, f) }, thousands(forgottenCount(cells, f))), rateCell(left),
    probes.map((name) => rateCell(recovery(name)(cells, f))), rateCell(wrecked), rateCell(shiftOf("forgotten")(cells, f), true), rateCell(shiftOf("retained")(cells, f), true),
    el("td", { class: "l" }, verdictChip(quadrant(left, wrecked))));
}

function verdictTable() {
  const cells = chosenCells(), f = filters(), probes = distinct(cells.flatMap((cell) => cell.probes.map((probe) => probe.name)));
  const rows = state.rows === "cells" ? cells.map((cell) => [cell]) : groups(cells, (cell) => [cell.model, cell.dataset, cell.method, cell.campaign]).map(([, group]) => group);
  const button = el("button", { type: "button", id: "pooling" }, state.rows === "cells" ? "pool seeds" : "show each seed");
  button.addEventListener("click", () => { change({ rows: state.rows === "cells" ? "pooled" : "cells" }); byId("pooling").focus(); });
  const heads = ["method", "model, data", "seed", "forgotten", "knowledge left", ...probes.map((name) => `recovery ${probeLabels.get(name)}`), "destructive rate", "shift of forgotten", "shift of retained", "verdict"];
  const table = el("table", { class: "data sortable", id: "verdict-table" }, el("thead", {}, el("tr", {}, heads.map((name, place) => el("th", { scope: "col", class: place < 2 || name === "verdict" ? "l" : null }, name)))),
    el("tbody", {}, rows.map((group) => verdictRow(group, f, probes))));
  sortable(table);
  show("verdicts", el("p", {}, button), el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "verdicts" }, table));
}

// Sorts a table by the column whose heading is pressed.
function sortable(table) {
  for (const head of table.tHead.rows[0].cells) {
    const button = el("button", { type: "button" }, [...head.childNodes]);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending", body = table.tBodies[0];
      const value = (row) => {
        const cell = row.cells[head.cellIndex];
        return cell.dataset.v === undefined ? cell.textContent.trim() : cell.dataset.v === "" ? -Infinity : Number(cell.dataset.v);
      };
      const order = (a, b) => typeof a === "number" && typeof b === "number" ? (a === b ? 0 : a - b) : String(a).localeCompare(String(b));
      const rows = [...body.rows].sort((a, b) => order(value(a), value(b)) * (down ? -1 : 1));
      for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      body.append(...rows);
    });
  }
}
