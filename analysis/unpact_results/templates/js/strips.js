// A prompt three times, coloured by contribution before, after, and by their difference.
const LINE = 128,
  PADDING = 0.9,
  CONTEXT_KEPT = 6,
  ROWS = ["before", "after", "difference"];

const sliceOf = (array, offsets, row) => array.subarray(offsets[row], offsets[row + 1]);

function candidatesOf(prompts, question) {
  let count = 0;
  for (const flag of sliceOf(prompts.candidate, prompts.offsets, question)) count += flag;
  return count;
}

// Contributions and flags of one model; null where they were not measured.
function sideOf(model, answer, question, count) {
  const offsets = model[`${answer}_offsets`],
    from = offsets[question];
  if (!count || offsets[question + 1] - from !== count) return null;
  const values = Array.from({ length: count }, (_, i) => real(model[`${answer}_values`], from + i, MILLI));
  const flags = sliceOf(model[`${answer}_flags`], offsets, question),
    errors = model[`${answer}_errors`];
  const at = errors ? model[`${answer}_error_offsets`][question] : 0;
  const has = errors && model[`${answer}_error_offsets`][question + 1] - at === count;
  return {
    values,
    key: (i) => Boolean(flags[i] & 1),
    doubt: (i) => Boolean(flags[i] & 2),
    error: has ? (i) => real(errors, at + i, MILLI) : null,
    score: real(model[`${answer}_score`], question, MILLI)
  };
}

function boxOf(row, value, frame, noise, floor, doubt, error, id) {
  const quiet = Math.abs(value) <= floor * noise;
  const { background, light } = quiet ? { background: NOISE, light: false } : colour(value);
  const hint =
    `${row} ${signed(value, 3)}${error === null ? "" : ` \u00b1 ${isNumber(error) ? error.toFixed(3) : "?"}`}` +
    `${quiet ? " (below the noise floor)" : ""}` +
    `${doubt ? ", noise could turn whether it is a KeyToken" : ""}, id ${id}`;
  return { background, light, frame, hint };
}

// Columns of a prompt: the pieces, and three boxes where the token is a candidate.
function columnsOf(data, question, answer) {
  const { prompts, target, own, cell } = data, count = candidatesOf(prompts, question);
  const before = sideOf(target, answer, question, count),
    after = sideOf(own, answer, question, count);
  if (!before || !after) return null;
  const columns = [],
    names = [
      [],
      []
    ];
  let i = 0;
  for (let at = prompts.offsets[question]; at < prompts.offsets[question + 1]; at++) {
    const piece = prompts.pieces[at],
      id = prompts.ids[at];
    if (!prompts.candidate[at]) { columns.push({ piece, width: piece.length + PADDING, boxes: null, id }); continue; }
    const b = before.values[i],
      a = after.values[i],
      k = [before.key(i), after.key(i)];
    const frames = [k[0] ? "key" : "", k[1] ? "key" : "", k[0] && !k[1] ? "lost" : k[1] && !k[0] ? "gained" : ""];
    const errors = [before.error?.(i) ?? null, after.error?.(i) ?? null, null],
      doubts = [before.doubt(i), after.doubt(i), false];
    columns.push({
      piece,
      id,
      number: i,
      width: piece.length + PADDING,
      boxes: [b, a, a - b].map((value, row) => boxOf(ROWS[row], value, frames[row], cell.noise || 0, row === 2 ? 2 :
        1, doubts[row], errors[row], id))
    });
    [
      [before, b],
      [after, a]
    ].forEach(([side, value], which) => {
      if (k[which]) names[which].push(
        `${visible(piece.trim()) || "whitespace"} ${signed(value)}${side.doubt(i) ? " (uncertain)" : ""}`);
    });
    i++;
  }
  return { columns, names, scores: [before.score, after.score] };
}

// Long runs of context by their number.
function shorten(columns) {
  const result = [];
  let run = [];
  for (const column of [...columns, null]) {
    if (column && !column.boxes) { run.push(column); continue; }
    const hidden = run.length - 2 * CONTEXT_KEPT;
    if (hidden > 2) run = [...run.slice(0, CONTEXT_KEPT), { piece: "", note: `\u22ef ${hidden} context tokens \u22ef`,
      width: 24, boxes: null }, ...run.slice(-CONTEXT_KEPT)];
    result.push(...run);
    run = [];
    if (column) result.push(column);
  }
  return result;
}

function linesOf(columns, width) {
  const lines = [
    []
  ];
  let used = 0;
  for (const column of columns) {
    if (lines.at(-1).length && used + column.width > width) { lines.push([]);
      used = 0; }
    lines.at(-1).push(column);
    used += column.width;
    if (column.piece.endsWith("\n") && used > width / 3) { lines.push([]);
      used = 0; }
  }
  return lines.filter((line) => line.length);
}

const lineWidth = () => Math.max(20, Math.min(LINE, Math.floor((byId("main").clientWidth - 100) / 7.4)));
const contentOf = (column) => column.note ? el("i", {}, column.note) : marks(column.piece);

function stripCell(column, row) {
  const box = column.boxes[row];
  return el("td", { class: `${box.light ? "w " : ""}${box.frame}`, style: { background: box.background }, title: box
      .hint }, contentOf(column));
}

function stripTables(columns, rows = [0, 1, 2], width = lineWidth()) {
  return linesOf(shorten(columns), width).map((line) => el("table", { class: "strip" }, el("tbody", {}, rows.map((
      row, place) =>
    el("tr", {}, el("th", { scope: "row" }, ROWS[row]), line.map((column) => column.boxes ? stripCell(column,
        row) :
      place ? null : el("td", { class: "c", rowspan: rows.length }, contentOf(column))))))));
}

function strips(data, question, answer) {
  const made = columnsOf(data, question, answer);
  if (!made) return el("p", { class: "soft" }, "Contributions were not measured for this question.");
  const who = answer === "gold" ? "the gold answer" : "each model's own answer";
  return el("div", { class: "strips" }, stripTables(made.columns), el("p", { class: "note" },
    `KeyTokens before: ${made.names[0].join(", ") || "none"}. After: ${made.names[1].join(", ") || "none"}. ` +
    `Mean log-probability of ${who}: ` +
    `${signed(made.scores[0])} before, ${signed(made.scores[1])} after (nats per token).`));
}
