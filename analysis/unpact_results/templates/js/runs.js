// Campaigns side by side, the field's metrics, and how each cell was run.
function differenceView() {
  const rows = INDEX.differences.filter((row) => [
    ["model", row.model],
    ["dataset", row.dataset],
    ["method", row.method]
  ].every(([name, value]) => !state[name].length || state[name].includes(value)));
  const points = (value) => signed(100 * value, 1);
  show("differences", INDEX.campaigns.length < 2 ? null : [el("h2", {}, "Campaigns side by side"), el(
      "p", { class: "note" },
      `${INDEX.campaigns.slice(1).join(", ")} minus ${INDEX.campaigns[0]}: cells of the same model, data, ` +
      `method and seed with the same questions, seeds pooled. ` +
      `Points with a 95 % bootstrap interval over questions, and McNemar's exact test.`
      ),
    plainTable("Differences", ["model", "data", "method", "campaign", "measure", INDEX.campaigns[0], "the other",
        "difference", "95 % interval", "p"
      ],
      rows.map((row) => [row.model, row.dataset, row.method, INDEX.campaigns[row.campaign], row.measure,
        `${row.first}/${row.count}`, `${row.other}/${row.count}`,
        isNumber(row.gap) ? `${points(row.gap)} points` : DASH, isNumber(row.low) ?
        `${points(row.low)} to ${points(row.high)}` : DASH, row.p.toPrecision(3)
      ]), "No cell is in both.")
  ]);
}

// Two models on the same questions: other architectures, or a base model beside its instruct model.
function modelView() {
  const chosen = (row) => [["dataset", row.dataset], ["method", row.method]]
    .every(([name, value]) => !state[name].length || state[name].includes(value)) && (!state.model.length ||
    state.model.includes(row.model) || state.model.includes(row.other_model));
  const points = (value) => signed(100 * value, 1);
  return [el("p", { class: "note" }, "The second model minus the first, on questions that both knew, seeds pooled; ",
    "points with a 95 % bootstrap interval over questions, and McNemar's exact test."),
    plainTable("Models on the same questions",
      ["model", "other model", "data", "method", "measure", "first", "other", "difference", "95 % interval", "p"],
      INDEX.models.filter(chosen).map((row) => [row.model, row.other_model, row.dataset, row.method, row.measure,
        `${row.first}/${row.count}`, `${row.other}/${row.count}`, isNumber(row.gap) ? `${points(row.gap)} points` : DASH,
        isNumber(row.low) ? `${points(row.low)} to ${points(row.high)}` : DASH, row.p.toPrecision(3)]),
      "No two models have the same questions.")];
}

async function metricView() {
  const { runs } = await chunk("runs"), cells = chosenCells().filter((cell) => runs[cell.number].metrics.length);
  if (!cells.length) return el("p", { class: "note" },
    "No cell has any (evaluation.metrics, or a file before version 1.7).");
  const shown = ([value, low, high]) => isNumber(low) ?
    `${metricNumber(value)} (${metricNumber(low)} to ${metricNumber(high)})` : metricNumber(value);
  return [el("p", { class: "note" },
      "Values of the target and of each unlearned model; in brackets 95 % intervals. " +
      "The second column says what a larger value means (docs/metrics.md has formulas and sources)."
      ),
    groups(cells, (cell) => [cell.model, cell.dataset]).map(([key, group]) => {
      const metrics = new Map(group.flatMap((cell) => runs[cell.number].metrics.map((metric) => [metric.name,
        metric
      ])));
      const rows = [...metrics.values()].map((metric) => [`${metric.label} (${metric.name}, n = ${metric.count})`,
        metric.says, shown(metric.target),
        ...group.map((cell) => { const own = runs[cell.number].metrics.find((other) => other.name === metric
            .name); return own ? shown(own.unlearned) : DASH; })
      ]);
      return plainTable(visible(key.join(", ")), ["metric", "larger says", "target", ...group.map((cell) =>
        `${cell.method}, seed ${cell.seed}`)], rows, "");
    })
  ];
}

async function runView() {
  const { runs } = await chunk("runs");
  return chosenCells().map((cell) => {
    const place = el("div"),
      details = el("details", {}, el("summary", {}, visible(cell.id), ...campaignOf(cell).map((label) =>
        ` (${label})`)), place);
    details.addEventListener("toggle", () => {
      const { attributes } = runs[cell.number];
      if (details.open) show(place, el("dl", { class: "qa" }, Object.entries(attributes).filter(([name]) =>
          name !== "config_resolved").map(([name, value]) => [el("dt", {}, name), el("dd", {}, words(
          value))])),
        el("pre", {}, visible(attributes.config_resolved || "")));
    });
    return details;
  });
}
