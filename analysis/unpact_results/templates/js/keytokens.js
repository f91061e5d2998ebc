// KeyTokens by class of token, and how stable they are across seeds, data sets and methods of attribution.
function keyTokenTables(cells) {
  return Object.entries(INDEX.views).map(([view, { title, classes }]) => {
    const rows = classes.map((_, place) => [0, 1, 2, 3].map((column) => sum(cells.map((cell) => cell.keys[view][
      place
    ][column]))));
    return el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": `KeyTokens ${title}` }, el(
      "table", { class: "data keys", "data-view": view }, el("caption", {}, `KeyTokens ${title}`), el(
        "thead", {}, el("tr", {},
          ["class", "candidates", "before", "after", "still KeyTokens"].map((name, place) => el(
          "th", { scope: "col", class: place ? null : "l" }, name)))),
      el("tbody", {}, classes.map((name, place) => {
        const [all, before, after, both] = rows[place];
        return el("tr", {}, el("th", { scope: "row", class: "l" }, name), el("td", {}, thousands(all)),
          barCell(rate(before, all)), barCell(rate(after, all)), barCell(rate(both, before)));
      }))));
  });
}

function barCell(r) {
  return el("td", { title: full(r) }, el("span", { class: "meter",
    style: { width: `${Math.round(60 * (r.value || 0))}px` } }), percent(r.value), el("small", {},
    `${thousands(r.count)}/${thousands(r.total)}`));
}

const two = (value) => isNumber(value) ? value.toFixed(2) : DASH;

function plainTable(caption, heads, rows, words) {
  if (!rows.length) return el("p", { class: "soft" }, words);
  const left = heads.map((_, place) => rows.some((row) => typeof row[place] === "string" && /^\p{L}/u.test(row[
    place])) ? "l" : null);
  return el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": caption }, el("table", { class: "data" },
    el("caption", {}, caption),
    el("thead", {}, el("tr", {}, heads.map((name, place) => el("th", { scope: "col", class: left[place] }, name)))),
    el("tbody", {}, rows.map((row) => el("tr", {}, row.map((value, place) => el("td", { class: left[place] },
      visible(String(value)))))))));
}

function keyTokenView() {
  const cells = chosenCells(),
    chosen = (row) => cells.some((cell) => cell.model === row.model && cell.dataset === row.dataset && cell.method ===
      row.method && cell.campaign === row.campaign);
  show("keytokens", cells.length ? el("div", { class: "tables" }, keyTokenTables(cells)) : null,
    plainTable("Across seeds: cosine of the KeyToken sets after unlearning", ["model", "data", "method",
        "mean cosine", "questions", "pairs of seeds"
      ],
      INDEX.seeds.filter(chosen).map((row) => [row.model, row.dataset, row.method, two(row.cosine), thousands(row
        .count), row.pairs]), "Across seeds: no cell has a second seed."),
    plainTable("Across data sets: KeyTokens of the target among token ids of both", ["model", "data set",
        "other data set", "token ids in both", "cosine of their KeyTokens", "correlation of their shares"
      ],
      INDEX.datasets.filter((row) => !state.model.length || state.model.includes(row.model)).map((row) => [row.model,
        row.first, row.second, thousands(row.shared), two(row.cosine), two(row.correlation)
      ]),
      "Across data sets: no model has two."),
    plainTable("Agreement of attribution methods", ["model", "data", "method", "other method", "rank correlation",
        "overlap of the top 3", "prompts"
      ],
      INDEX.attributions.map((row) => row.error ? [row.model, row.dataset, row.error, "", "", "", ""] : [row.model,
        row.dataset, row.first, row.second, two(row.correlation), two(row.overlap), row.count
      ]),
      "Agreement of attribution methods: these cells use one method on their prompts (give report several folders)."));
}
