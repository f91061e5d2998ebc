// Method x (model, data set) for one measure.
const probeLabels = new Map(CELLS.flatMap((cell) => cell.probes.map((probe) => [probe.name, probe.label])));
const MEASURES = new Map([
  ["knowledge left", { read: knowledgeLeft,
    said: "forget questions that the target knew and that are still answered or won back by a probe" }],
  ["still right", { read: stillRight,
    said: "forget questions that the target knew and the unlearned model answers unprompted" }],
  ["destructive rate", { read: destructive,
    said: "retain questions that the target knew and the unlearned model does not" }],
  ...[...probeLabels].map(([name, label]) => [`recovery by ${label}`, { read: recovery(name),
    said: `forgotten questions that any attempt of ${label} wins back` }]),
  ["focus shift of forgotten", { read: shiftOf("forgotten"),
    said: "mean of 1 \u2212 cosine of the KeyToken sets before and after", mean: true }],
  ["focus shift of retained", { read: shiftOf("retained"), said: "the same, of questions that are still right",
    mean: true }],
  ["focus shift of destroyed", { read: shiftOf("destroyed"), said: "the same, of destroyed retain questions",
    mean: true }],
  ["target right on forget", { read: share("target", "forget"), said: "what the target knew" }],
  ["unlearned right on retain", { read: share("unlearned", "retain"),
    said: "what the unlearned model knows of the retain set" }],
  ...distinct(CELLS.flatMap((cell) => Object.keys(cell.metrics))).map((name) => [`metric ${name}`, { metric: name,
    said: "the unlearned model's value, mean over cells" }]),
]);

function measured(cells, measure, f) {
  if (!measure.metric) return measure.read(cells, f);
  const values = cells.map((cell) => cell.metrics[measure.metric]).filter(isNumber);
  return { value: values.length ? sum(values) / values.length : NaN, total: values.length, plain: true };
}
const shownRate = (r, measure) => r.plain ? metricNumber(r.value) : measure.mean ? (r.total ? r.value.toFixed(2) :
  DASH) : percent(r.value, 0);
const longRate = (r, measure) => r.plain ? `${metricNumber(r.value)} (mean of ${plural(r.total, "cell")})` : measure
  .mean ? meanFull(r) : full(r);

function heatMap(cells, f) {
  const name = MEASURES.has(state.heat) ? state.heat : "knowledge left",
    measure = MEASURES.get(name);
  const columns = groups(cells, (cell) => [cell.model, cell.dataset, ...campaignOf(cell)]),
    rows = distinct(cells.map((cell) => cell.method));
  const select = el("select", { id: "heat-measure" }, [...MEASURES.keys()].map((key) => el("option", { value: key,
    selected: key === name }, key)));
  select.addEventListener("change", () => { change({ heat: select.value });
    byId("heat-measure").focus(); });
  const values = columns.map(([, group]) => rows.map((method) => measured(group.filter((cell) => cell.method ===
    method), measure, f)));
  const numbers = values.flat().map((r) => r.value).filter(isNumber),
    low = measure.metric ? Math.min(0, ...numbers) : 0,
    high = measure.metric ? Math.max(...numbers) : 1;
  const models = groups(columns.map(([key]) => ({ key })), ({ key }) => key[0]);
  return [el("p", {}, el("label", { for: "heat-measure" }, "Measure: "), select, el("span", { class: "soft" },
      ` ${measure.said} `), closer(name, heatFigure(columns.flatMap(([key], column) => rows.map((method, row) => ({ method,
      "model and data": key.join(", "), value: values[column][row].value, low: values[column][row].low,
      high: values[column][row].high, counts: values[column][row].plain ? "" :
        `${values[column][row].count}/${values[column][row].total}` })).filter((row) => isNumber(row.value))), name))),
    el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "heat map" }, el("table", { class: "heat" },
      el("thead", {}, el("tr", {}, el("td", {}), models.map(([model, group]) => el("th", { scope: "colgroup",
          colspan: group.length }, visible(model)))),
        el("tr", {}, el("th", { scope: "col" }, "method"), columns.map(([key]) => el("th", { scope: "col",
          class: "data-set" }, visible(key.slice(1).join(", ")))))),
      el("tbody", {}, rows.map((method, row) => el("tr", {}, el("th", { scope: "row" }, visible(method)), columns
        .map(([key], column) =>
          heatCell(values[column][row], measure, key, method, low, high)))))))
  ];
}

function heatCell(r, measure, [model, dataset, campaign], method, low, high) {
  if (!isNumber(r.value)) return el("td", { title: "no such rate" }, DASH);
  const button = el("button", { type: "button", style: shade(high > low ? (r.value - low) / (high - low) : 0),
      title: `${method}, ${model}, ${dataset}: ${longRate(r, measure)}. Press to see its questions.` },
    shownRate(r, measure));
  button.addEventListener("click", () => {
    change({ model: [model], dataset: [dataset], method: [method], campaign: campaign ? [campaign] : [], page: "1",
      cell: "", n: "" });
    byId("explorer").scrollIntoView();
    byId("find").focus({ preventScroll: true });
  });
  return el("td", {}, button);
}
