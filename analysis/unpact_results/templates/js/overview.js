// The first screen, and the table of verdicts.
function overview() {
  const cells = chosenCells(),
    f = filters();
  show("sentences", claimSentences(cells, f));
  const pairs = groups(cells, (cell) => [cell.model, cell.dataset, ...campaignOf(cell)]);
  byId("pictures").classList.toggle("many", pairs.length > 4);
  show("pictures", pairs.map(([key, group]) => dilemmaPicture(visible(key.join(", ")), group, f, pairs.length > 4)),
    cells.length ? null : el("p", {}, "No finished cell is chosen."));
  show("heat", cells.length ? heatMap(cells, f) : null);
}

function absentCells() {
  if (!INDEX.absent.length) return null;
  const count = INDEX.absent.length;
  return el("details", { open: count <= 8, class: "absent" }, el("summary", {},
      `${plural(count, "planned cell")} without a result`),
    el("ul", { class: "note" }, INDEX.absent.map((cell) => el("li", {}, visible(
      (INDEX.campaigns.length > 1 ? INDEX.campaigns[cell.campaign] + ": " : "") +
        `${cell.id}: ${cell.status}${cell.note ? ` (${cell.note})` : ""}`
      )))));
}

function rateCell(r, mean = false, more = []) {
  return el("td", { "data-v": r.total ? r.value.toFixed(6) : "" }, mean ? (r.total ? r.value.toFixed(2) : DASH) :
    percent(r.value),
    el("small", {}, mean ? `n = ${thousands(r.total)}` : `${thousands(r.count)}/${thousands(r.total)}`),
    r.total ? el("small", {}, mean ? `${r.low.toFixed(2)} to ${r.high.toFixed(2)}` : interval(r)) : null,
    r.total ? more.filter(Boolean).map((line) => el("small", { class: "wrap" }, line)) : null);
}

// What stands beside a rate: measured errors of its judge; of a recovery rate, floor, ceiling and retain questions.
const errorsBeside = (cells, judge) => distinct(cells.map((cell) => cell.beside[judge || cell.judges[0]] || ""));

function armsBeside(cells, probe) {
  const names = distinct(cells.flatMap((cell) => Object.keys(cell.arms_beside[probe] || {})));
  return names.map((name) => {
    const counts = cells.map((cell) => cell.arms_beside[probe]?.[name] || [0, 0]),
      r = rate(sum(counts.map((c) => c[0])), sum(counts.map((c) => c[1])));
    return `${name} ${percent(r.value)} (${thousands(r.count)}/${thousands(r.total)})`;
  });
}

// The rates by every judge that does not decide, each with its errors.
function judgeTable(cells, f, probes) {
  const judges = distinct(cells.flatMap((cell) => cell.judges.slice(1)));
  if (!judges.length) return null;
  const rows = groups(cells, (cell) => [cell.model, cell.dataset, cell.method, cell.campaign]).flatMap(([, group]) =>
    judges.filter((judge) => group.some((cell) => cell.counts[judge]))
    .map((judge) => {
      const by = { ...f, judge },
        more = errorsBeside(group, judge),
        [cell] = group;
      return el("tr", {}, el("td", { class: "l" }, el("b", {}, visible(cell.method))), el("td", { class: "l m" },
          visible(cell.model), el("small", {}, visible([cell.dataset, ...campaignOf(cell)].join(", ")))),
        el("td", { class: "l" }, visible(judge)), rateCell(share("unlearned", "forget")(group, by), false, more),
        rateCell(share("unlearned", "retain")(group, by), false, more),
        probes.map((name) => rateCell(recovery(name)(group, by), false, more)), rateCell(destructive(group, by),
          false, more));
    }));
  const heads = ["method", "model, data", "judge", "unlearned right, forget", "unlearned right, retain", ...probes.map((
    name) => `recovery ${probeLabels.get(name)}`), "destructive rate"];
  return el("details", { class: "print", id: "by-judge" }, el("summary", {},
      "The same rates by the judges that do not decide"),
    el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "rates by other judges" }, el(
      "table", { class: "data" },
      el("thead", {}, el("tr", {}, heads.map((name, place) => el("th", { scope: "col", class: place < 3 ? "l" :
          null }, name)))), el("tbody", {}, rows))));
}

function verdictRow(cells, f, probes) {
  const [cell] = cells, left = knowledgeLeft(cells, f), wrecked = destructive(cells, f), more = errorsBeside(cells, f
    .judge);
  return el("tr", {}, el("td", { class: "l" }, el("b", {}, visible(cell.method))), el("td", { class: "l m" }, visible(
      cell.model), el("small", {}, visible([cell.dataset, ...campaignOf(cell)].join(", ")))),
    el("td", { "data-v": cell.seed }, cells.map((one) => one.seed).join(", ") + (cells.some((one) => one.on_half) ? "*" : "")), el("td", { "data-v": forgottenCount(
        cells, f) }, thousands(forgottenCount(cells, f))), rateCell(left, false, more),
    probes.map((name) => rateCell(recovery(name)(cells, f), false, [...more, ...armsBeside(cells, name)])), rateCell(
      wrecked, false, more), rateCell(shiftOf("forgotten")(cells, f), true), rateCell(shiftOf("retained")(cells, f),
      true),
    el("td", { class: "l" }, verdictChip(quadrant(left, wrecked)), leavesMuch(cells, f) ? el("small", { class: "wrap" },
      `much is left by ${visible(leavesMuch(cells, f))}`) : null));
}

function verdictTable() {
  const cells = chosenCells(),
    f = filters(),
    probes = distinct(cells.flatMap((cell) => cell.probes.map((probe) => probe.name)));
  const rows = state.rows === "cells" ? cells.map((cell) => [cell]) : groups(cells, (cell) => [cell.model, cell.dataset,
    cell.method, cell.campaign
  ]).map(([, group]) => group);
  const button = el("button", { type: "button", id: "pooling" }, state.rows === "cells" ? "pool seeds" :
    "show each seed");
  button.addEventListener("click", () => { change({ rows: state.rows === "cells" ? "pooled" : "cells" });
    byId("pooling").focus(); });
  const heads = ["method", "model, data", "seed", "forgotten", "knowledge left", ...probes.map((name) =>
    `recovery ${probeLabels.get(name)}`), "destructive rate", "shift of forgotten", "shift of retained", "verdict"];
  const table = el("table", { class: "data sortable", id: "verdict-table" }, el("thead", {}, el("tr", {}, heads.map((
      name, place) => el("th", { scope: "col", class: place < 2 || name === "verdict" ? "l" : null }, name)))),
    el("tbody", {}, rows.map((group) => verdictRow(group, f, probes))));
  sortable(table);
  const half = cells.some((cell) => cell.on_half) ? el("p", { class: "note" },
    "*: a point or mixture was chosen on half of the questions; all numbers are of the others.") : null;
  show("verdicts", el("p", {}, button), half, el("div", { class: "wide", tabindex: 0,
  role: "region", "aria-label": "verdicts" }, table), judgeTable(cells, f, probes));
}

// Sorts a table by the column whose heading is pressed.
function sortable(table) {
  for (const head of table.tHead.rows[0].cells) {
    const button = el("button", { type: "button" }, [...head.childNodes]);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending",
        body = table.tBodies[0];
      const value = (row) => {
        const cell = row.cells[head.cellIndex];
        return cell.dataset.v === undefined ? cell.textContent.trim() : cell.dataset.v === "" ? -Infinity :
          Number(cell.dataset.v);
      };
      const order = (a, b) => typeof a === "number" && typeof b === "number" ? (a === b ? 0 : a - b) : String(a)
        .localeCompare(String(b));
      const rows = [...body.rows].sort((a, b) => order(value(a), value(b)) * (down ? -1 : 1));
      for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      body.append(...rows);
    });
  }
}
