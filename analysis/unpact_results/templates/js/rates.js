// Rates from counts that are added over cells, by the rules of analysis/unpact_results/statistics.py.
const Z95 = 1.959963984540054;

function rate(count, total) {
  if (!total) return { count, total, value: NaN, low: NaN, high: NaN };
  const share = Math.min(1, Math.max(0, count / total)),
    z2 = Z95 * Z95;
  const scale = 1 + z2 / total,
    centre = (share + z2 / (2 * total)) / scale;
  const half = Z95 * Math.sqrt(share * (1 - share) / total + z2 / (4 * total * total)) / scale;
  return { count, total, value: count / total, low: share === 0 ? 0 : Math.max(0, centre - half), high: share === 1 ?
      1 : Math.min(1, centre + half) };
}

// first - second with Newcombe's interval.
function gapOf(first, second) {
  if (!first.total || !second.total) return { value: NaN, low: NaN, high: NaN };
  const value = first.value - second.value;
  return {
    value,
    low: Math.max(-1, value - Math.hypot(first.value - first.low, second.high - second.value)),
    high: Math.min(1, value + Math.hypot(first.high - first.value, second.value - second.low))
  };
}

const interval = (r, digits = 1) => r.total ?
  `${(100 * r.low).toFixed(digits)} to ${(100 * r.high).toFixed(digits)} %` : "";
const full = (r) => r.total ? `${percent(r.value)} (${thousands(r.count)}/${thousands(r.total)}; ${interval(r)})` :
  `${DASH} (0/0)`;
const meanFull = (r) => r.total ?
  `${r.value.toFixed(2)} (n = ${thousands(r.total)}; ${r.low.toFixed(2)} to ${r.high.toFixed(2)})` : `${DASH} (n = 0)`;
const sum = (values) => values.reduce((total, value) => total + value, 0);

// The counts of a cell by a judge; null where it has no such judge.
const countsOf = (cell, judge) => cell.counts[judge || cell.judges[0]] || null;

// Bits of the cell's probes that count: the chosen ones, or all but controls.
function probeBits(cell, chosen) {
  return cell.probes.reduce((bits, probe, bit) =>
    (chosen.length ? chosen.includes(probe.name) : probe.kind !== "control") ? bits | (1 << bit) : bits, 0);
}

function add(cells, judge, read) {
  const total = [0, 0];
  for (const cell of cells) {
    const counts = countsOf(cell, judge);
    const found = counts && read(counts, cell);
    if (found) { total[0] += found[0];
      total[1] += found[1]; }
  }
  return rate(...total);
}

const wonBack = (counts, bits) => sum(counts.masks.map(([, won, count]) => won & bits ? count : 0));
const OUTCOME = { unknown: 0, retained: 1, forgotten: 2, kept: 3, destroyed: 4 };

// Measures of cells, seeds and cells pooled: name -> (cells, filters) -> rate.
const knowledgeLeft = (cells, f) => add(cells, f.judge, (c, cell) => [c.outcome[OUTCOME.retained] + wonBack(c,
  probeBits(cell, f.probes)), c.outcome[OUTCOME.retained] + c.outcome[OUTCOME.forgotten]]);
const leftByControls = (cells, f) => add(cells, f.judge, (c, cell) => {
  const bits = cell.probes.reduce((all, probe, bit) => probe.kind === "control" ? all | (1 << bit) : all, 0);
  return bits ? [c.outcome[OUTCOME.retained] + wonBack(c, bits), c.outcome[OUTCOME.retained] + c.outcome[OUTCOME
    .forgotten]] : null;
});
const stillRight = (cells, f) => add(cells, f.judge, (c) => [c.outcome[OUTCOME.retained], c.outcome[OUTCOME.retained] +
  c.outcome[OUTCOME.forgotten]
]);
const destructive = (cells, f) => add(cells, f.judge, (c) => [c.deciding[1], c.deciding[0] + c.deciding[1]]);
const shiftOf = (outcome) => (cells, f) => add(cells, f.judge, (c) => c.shift[outcome]);
const share = (model, split) => (cells, f) => add(cells, f.judge, (c) => [c[`${model}_${split}`], c[split]]);
const recovery = (name) => (cells, f) => add(cells, f.judge, (c, cell) => {
  const bit = cell.probes.findIndex((probe) => probe.name === name);
  if (bit < 0) return null;
  const asked = c.masks.filter(([may]) => may & (1 << bit));
  return [sum(asked.map(([, won, count]) => won & (1 << bit) ? count : 0)), sum(asked.map(([, , count]) => count))];
});
// Forgotten questions that a probe wins back and no other one does, controls aside.
const wonAlone = (name) => (cells, f) => add(cells, f.judge, (c, cell) => {
  const bit = cell.probes.findIndex((probe) => probe.name === name);
  if (bit < 0) return null;
  const others = cell.probes.reduce((bits, probe, place) => probe.kind !== "control" && place !== bit ? bits | (1 <<
    place) : bits, 0);
  return [sum(c.masks.map(([, won, count]) => (won & (1 << bit)) && !(won & others) ? count : 0)), c.outcome[OUTCOME
    .forgotten]];
});

// What decides that much is left, as dilemma.py's what_leaves_much says it; empty where little is left.
function leavesMuch(cells, f) {
  const left = knowledgeLeft(cells, f),
    much = (count) => left.total > 0 && count / left.total >= INDEX.limits.left;
  if (!much(left.count)) return "";
  const still = stillRight(cells, f).count;
  if (much(still)) return "what is still right";
  const probes = new Map(cells.flatMap((cell) => cell.probes.filter((probe) => f.probes.length ? f.probes.includes(probe
    .name) : probe.kind !== "control").map((probe) => [probe.name, probe.label])));
  const [most] = [...probes].map(([name, label]) => ({ label, count: recovery(name)(cells, f).count })).sort((a, b) => b
    .count - a.count);
  return most && much(still + most.count) ? most.label : "several probes together";
}

const forgottenCount = (cells, f) => sum(cells.map((cell) => countsOf(cell, f.judge)?.outcome[OUTCOME.forgotten] || 0));

// The probe of a kind that stands for it: the first in the cell's file.
const leading = (cell, kind) => cell.probes.find((probe) => probe.kind === kind);
const recoveryOfKind = (kind) => (cells, f) => {
  const parts = cells.map((cell) => leading(cell, kind) ? recovery(leading(cell, kind).name)([cell], f) : rate(0, 0));
  return rate(sum(parts.map((part) => part.count)), sum(parts.map((part) => part.total)));
};
const blind = (outcome) => (cells) => rate(sum(cells.map((cell) => cell.blind[outcome][0])), sum(cells.map((cell) =>
  cell.blind[outcome][1])));

function quadrant(left, wrecked) {
  const limits = INDEX.limits;
  const sure = (r, limit) => r.low >= limit || r.high < limit;
  if (!left.total && !wrecked.total) return "nothing to judge";
  if (!left.total) {
    const bad = wrecked.value >= limits.destroyed;
    return (bad ? "nothing to forget, destructive" : "nothing to forget") + (!bad || sure(wrecked, limits.destroyed) ?
      "" : " (uncertain)");
  }
  if (!wrecked.total) return "nothing known on the retain set";
  const much = left.value >= limits.left,
    bad = wrecked.value >= limits.destroyed;
  const word = much && bad ? "both" : much ? "insufficient" : bad ? "destructive" : "neither";
  return word + (sure(left, limits.left) && sure(wrecked, limits.destroyed) ? "" : " (uncertain)");
}
