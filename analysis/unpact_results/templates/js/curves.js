// Lines over a budget or over steps, as small multiples; and what cells cost.
const PLOT = { width: 230, height: 150, left: 36, right: 8, top: 8, bottom: 26 };

function plot(title, lines, { top = 1, bottom = 0, xs, percentAxis = false, percentAcross = false, across, up }) {
  const [low, high] = [Math.min(...xs), Math.max(...xs)], wide = PLOT.width - PLOT.left - PLOT.right, tall = PLOT
    .height - PLOT.top - PLOT.bottom;
  const x = (value) => PLOT.left + (high > low ? (value - low) / (high - low) : 0.5) * wide,
    y = (value) => PLOT.top + (1 - (value - bottom) / (top - bottom || 1)) * tall;
  const label = (value) => percentAxis ? percent(value, 0) : String(Number(value.toPrecision(2))).replace("-", MINUS);
  const paths = lines.map(({ points, ...attributes }) => svg("g", { stroke: attributes.stroke },
    attributes.band ? svg("path", { d: "M" + [...points.map((p) => `${x(p[0])} ${y(p[2])}`), ...[...points]
      .reverse().map((p) => `${x(p[0])} ${y(p[3])}`)].join("L") + "Z", fill: attributes.stroke, opacity: 0.13,
      stroke: "none" }) : null,
    svg("path", { d: points.map((p, i) => `${i ? "L" : "M"}${x(p[0])} ${y(p[1])}`).join(""),
    fill: "none", "stroke-width": 1.5, "stroke-dasharray": attributes.dash }, svg("title", {}, attributes.title)),
    attributes.marks ? points.map((p) => svg("circle", { cx: x(p[0]), cy: y(p[1]), r: 2.4, fill: attributes.stroke })) : null,
    points.length === 1 ? svg("circle", { cx: x(points[0][0]), cy: y(points[0][1]), r: 3, fill: attributes
      .stroke }) : null));
  return el("figure", { class: "plot" }, el("figcaption", {}, title, " ", closer(`${title}: ${up}`, lineFigure(lines, { percentAxis,
    across, up, percentAcross }))), svg(
    "svg", { viewBox: `0 0 ${PLOT.width} ${PLOT.height}`,
    role: "img", "aria-label": `${title}: ${lines.map((line) => line.title).join("; ")}` },
    [bottom, (bottom + top) / 2, top].map((v) => [svg("line", { x1: PLOT.left, x2: PLOT.width - PLOT.right, y1: y(
        v), y2: y(v), stroke: "#e6e6e6" }), svg("text", { x: PLOT.left - 4, y: y(v) +
      3.5, "text-anchor": "end" }, label(v))]),
    [low, high].filter((v, i, all) => !i || v !== all[0]).map((v, i) => svg("text", { x: x(v), y: PLOT.height -
      12, "text-anchor": i ? "end" : "middle" }, percentAcross ? percent(v, 0) : String(v))), paths));
}

const PROBE_COLOURS = ["#0b5394", "#c04f00", "#00775a", "#8a3f8f", "#6b6b00", "#a5004f", "#333333"];
const PROBES = [...probeLabels.keys()],
  probeColour = (name) => PROBE_COLOURS[PROBES.indexOf(name) % PROBE_COLOURS.length];

// Of the forgotten questions that a probe asked: how many any of m attempts wins back,
// on average over the choice of attempts.
function budgetOf(cells, name) {
  const parts = cells.map((cell) => cell.budget[name]).filter((part) => part && part.length > 1),
    most = Math.max(0, ...parts.map((part) => part.length - 1));
  return Array.from({ length: most }, (_, k) => {
    const counted = parts.filter((part) => part.length - 1 > k);
    return rate(sum(counted.map((part) => part[k])), sum(counted.map((part) => part.at(-1))));
  });
}

const probeKinds = new Map(CELLS.flatMap((cell) => cell.probes.map((probe) => [probe.name, probe.kind])));

// Floor or ceiling of a probe: what a model that was never taught, or the target, makes of the same questions.
const armOf = (cells, name, arm) => rate(...[0, 1].map((place) => sum(cells.map((cell) => cell.arms_beside[name]?.[arm]?.[
  place] || 0))));

function armLines(cells, name, most) {
  return ["floor", "ceiling"].map((arm) => [arm, armOf(cells, name, arm)]).filter(([, r]) => r.total).map(([arm, r]) => ({
    stroke: "#777777",
    dash: arm === "floor" ? "1 3" : "6 2",
    title: `${arm} of ${probeLabels.get(name)}: ${full(r)}`,
    name: arm,
    points: [[1, r.value], [most, r.value]]
  }));
}

function probeTable(cells, names, f) {
  const rows = groups(cells, (cell) => [cell.model, cell.dataset, cell.method, cell.campaign]).flatMap(([, group]) => names
    .filter((name) => group.some((cell) => name in cell.budget)).map((name) => {
      const [cell] = group, rates = budgetOf(group, name), at = (k) => rates.length && rates[0].total ?
        `${percent(rates.at(k).value)} (${interval(rates.at(k))})` : DASH;
      const [tokens, won] = [0, 1].map((place) => sum(group.map((one) => one.spent[name]?.[place] || 0))),
        arm = (which) => { const r = armOf(group, name, which); return r.total ? `${percent(r.value)} (${r.count}/${r.total})` : DASH; };
      return [cell.method, [cell.model, cell.dataset, ...campaignOf(cell)].join(", "), probeLabels.get(name), probeKinds
        .get(name), rates.length ? thousands(rates[0].total) : "0", at(0), rates.length, at(-1), arm("floor"), arm(
        "ceiling"), thousands(wonAlone(name)(group, { ...f, judge: "" }).count), tokens && won ? thousands(Math.round(tokens / won)) : DASH, arm("retain, unlearned"), arm("retain, floor"), arm(
        "retain, ceiling")];
    }));
  const table = plainTable("Each probe: what it wins back, alone, and at what cost", ["method", "model, data", "probe",
    "kind", "questions", "at one attempt", "attempts", "at all", "floor", "ceiling", "alone", "tokens a recovery", "on retain", "floor on retain", "ceiling on retain"],
    rows, "No attempts.");
  table.id = "probe-table";
  return table;
}

// Probes that train, over steps: the unlearned model, the target and a model that was never taught.
function stepPanels(cells) {
  const looks = { unlearned: ["#0b5394", null], target: ["#777777", "6 2"], floor: ["#777777", "1 3"] },
    all = cells.flatMap((cell) => cell.steps.map(([probe, arm, steps, right, asked]) => ({ cell, probe, arm, steps, right,
      asked })));
  return groups(all, ({ cell, probe }) => `${cell.method}, ${probeLabels.get(probe) || probe}`).map(([title, group]) => {
    const lines = groups(group, ({ arm }) => arm).map(([arm, parts]) => {
      const points = [...new Set(parts.flatMap(({ steps }) => steps))].sort((a, b) => a - b).map((step) => {
        const at = (which) => sum(parts.map((part) => part[which][part.steps.indexOf(step)] || 0)),
          r = rate(at("right"), at("asked"));
        return [step, r.value, r.low, r.high, r];
      });
      return { stroke: looks[arm][0], dash: looks[arm][1], band: arm === "unlearned", points, title: `${arm}: ` + points
        .map(([step, , , , r]) => `${step} steps ${full(r)}`).join(", ") };
    });
    const xs = lines.flatMap(({ points }) => points.map(([step]) => step));
    return plot(visible(title), lines, { xs, percentAxis: true });
  });
}

function budgetView() {
  const names = PROBES.filter((name) => !state.probe.length || state.probe.includes(name)), cells = chosenCells(),
    first = names.find((name) => probeKinds.get(name) === "probe");
  const panels = groups(cells, (cell) => cell.method).map(([method, group]) => {
    const lines = names.map((name) => ({ name, rates: budgetOf(group, name) })).filter(({ rates }) => rates
      .length && rates[0].total);
    const most = Math.max(0, ...lines.map(({ rates }) => rates.length));
    return most ? plot(visible(method), [...lines.map(({ name, rates }) => ({
      stroke: probeColour(name),
      band: true,
      name: probeLabels.get(name),
      dash: probeKinds.get(name) === "control" ? "4 3" : null,
      title: `${probeLabels.get(name)}: ` + rates
        .map((r, k) => `m = ${k + 1}: ${percent(r.value)} (${interval(r)}, ${r.total} questions)`)
        .join(", "),
      points: rates.map((r, k) => [k + 1, r.value, r.low, r.high])
    })), ...(first ? armLines(group, first, most) : [])], { xs: [1, most], percentAxis: true, across: "attempts", up: "recovery rate" }) : null;
  });
  show("budget", el("p", { class: "note" },
    "Across: attempts that count, on average over their choice; " +
    "up: recovery rate with its 95 % interval, by the judge that decides; controls are dashed. " + (first ?
      `Grey, of ${visible(probeLabels.get(first))} at all attempts: dashes its ceiling (the target), dots its floor ` +
      "(a model that was never taught), where they were asked. " : ""),
    names.map((name) => [el("span", { class: "dot", style: { background: probeColour(name) } }),
      ` ${visible(probeLabels.get(name))} `
    ])), el("div", { class: "panels" }, panels.length ? panels : el("p", { class: "soft" }, "No attempts.")),
    el("details", { id: "probe-costs", class: "print" }, el("summary", {}, "Each probe in numbers: floor, ceiling, alone, cost"),
      probeTable(cells, names, filters())), stepsOf(cells));
}

function stepsOf(cells) {
  const panels = stepPanels(cells);
  return panels.length ? el("details", { id: "over-steps", class: "print" }, el("summary", {}, "Trainings over steps"),
    el("p", { class: "note" }, "Across: steps of the probe's training; up: questions right of those asked. Blue: the unlearned " +
      "model on what it forgot, with its 95 % interval; grey, on what the target knows: dashes the target, dots a model that " +
      "was never taught."), el("div", { class: "panels" }, panels)) : null;
}

const LOSSES = { loss: ["#222222", ""], forget_loss: ["#d55e00", "5 3"], retain_loss: ["#0072b2", "1 3"] },
  SHOWN_RUNS = 24;
async function lossView() {
  const { runs } = await chunk("runs"), cells = chosenCells(), node = el("div", { class: "panels" });
  const panel = (cell) => {
    const { losses } = runs[cell.number], values = Object.keys(LOSSES).flatMap((name) => losses[name]).filter(
      isNumber), title = visible(`${cell.method}, ${cell.model}, ${cell.dataset}, seed ${cell.seed}`);
    if (!losses.step.length || !values.length) return el("figure", { class: "plot" }, el("figcaption", {}, title),
      el("p", { class: "soft" }, "no training steps"));
    const lines = Object.entries(LOSSES).map(([name, [stroke, dash]]) => ({ stroke, dash, name: name.replace("_", " "), title: name.replace("_",
        " "), points: losses.step.map((step, i) => [step, losses[name][i]]).filter((p) => isNumber(p[1])) }));
    return plot(title, lines.filter((line) => line.points.length), { top: Math.max(...values), bottom: Math.min(...
        values), xs: losses.step, across: "step", up: "loss of each term" });
  };
  fill(node, {}, cells.slice(0, SHOWN_RUNS).map(panel));
  const more = cells.length > SHOWN_RUNS && el("button", { type: "button", onclick: (event) => { event.target
    .remove();
      fill(node, {}, cells.slice(SHOWN_RUNS).map(panel)); } }, `show the other ${cells.length - SHOWN_RUNS}`);
  return [el("p", { class: "note" },
      "Loss (line), forget term (dashes) and retain term (dots) by optimizer step; each panel has its own scale."),
    node, more
  ];
}

async function costView() {
  const { runs } = await chunk("runs"), cells = chosenCells();
  const stages = distinct(cells.flatMap((cell) => runs[cell.number].stages.stage));
  const read = (cell, column, stage) => { const at = runs[cell.number].stages.stage.indexOf(stage); return at < 0 ?
      null : runs[cell.number].stages[column]?.[at] ?? null; };
  const total = (column, stage) => sum(cells.map((cell) => read(cell, column, stage)).filter(isNumber)),
    all = sum(stages.map((stage) => total("seconds", stage))) || 1;
  const rows = stages.map((stage) => {
    const seconds = total("seconds", stage),
      done = total("positions", stage),
      naive = total("positions_naive", stage),
      peaks = cells.map((cell) => read(cell, "peak_memory", stage)).filter(isNumber);
    return [stage, duration(seconds), percent(seconds / all), thousands(done), done && naive ?
      `${(naive / done).toFixed(2)}\u00d7` : DASH, thousands(total("model_calls", stage)), peaks.length ?
      `${thousands(Math.round(Math.max(...peaks) / 2 ** 20))} MiB` : DASH
    ];
  });
  const methods = groups(cells, (cell) => cell.method).map(([method, group]) => [method, group.length, duration(sum(
    group.map((cell) => cell.seconds || 0)) / group.length)]);
  return [plainTable("Where the time goes, all chosen cells together", ["stage", "time", "share", "positions",
      "saved", "model calls", "largest peak memory"
    ], rows, "No finished cell."),
    plainTable("Mean time of a cell", ["method", "cells", "time"], methods, "")
  ];
}
