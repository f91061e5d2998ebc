// Contributions of all candidates before against after, a panel a method.
const PANEL = 210,
  GRID = 84;

function paint(canvas, counts, limit) {
  const pen = canvas.getContext("2d"),
    step = PANEL / GRID;
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, PANEL, PANEL);
  pen.strokeStyle = "#bbb";
  pen.beginPath();
  for (const [x1, y1, x2, y2] of [
      [0, PANEL / 2, PANEL, PANEL / 2],
      [PANEL / 2, 0, PANEL / 2, PANEL],
      [0, PANEL, PANEL, 0]
    ]) { pen.moveTo(x1, y1);
    pen.lineTo(x2, y2); }
  pen.stroke();
  counts.forEach((cells, outcome) => {
    const top = Math.log1p(Math.max(...cells));
    pen.fillStyle = INDEX.outcomes[outcome].colour;
    cells.forEach((count, place) => {
      if (!count) return;
      pen.globalAlpha = 0.25 + 0.75 * Math.log1p(count) / top;
      pen.fillRect((place % GRID) * step, PANEL - (Math.floor(place / GRID) + 1) * step, step, step);
    });
  });
  pen.globalAlpha = 1;
  pen.fillStyle = "#444";
  pen.font = "10px sans-serif";
  pen.fillText(signed(limit, 1), PANEL - 28, PANEL / 2 - 3);
}

async function countPairs(cell, counts, limit, sets, rows) {
  const data = await cellData(cell),
    { target, own } = data;
  const place = (value) => Math.min(GRID - 1, Math.max(0, Math.floor((value / limit + 1) / 2 * GRID)));
  let tokens = 0;
  for (let q = 0; q < cell.size; q++) {
    const from = target.gold_offsets[q],
      at = own.gold_offsets[q],
      length = target.gold_offsets[q + 1] - from;
    if (length !== own.gold_offsets[q + 1] - at) continue;
    const { outcome } = rowOf(rows, sets, cell, q);
    for (let i = 0; i < length; i++) {
      const x = real(target.gold_values, from + i, MILLI),
        y = real(own.gold_values, at + i, MILLI);
      if (!Number.isNaN(x) && !Number.isNaN(y)) { counts[outcome][place(y) * GRID + place(x)]++;
        tokens++; }
    }
  }
  return tokens;
}

async function contributionPanels() {
  const cells = chosenCells(),
    rows = await chunk("rows"),
    sets = new Map(),
    limit = INDEX.limits.colour * 1.5,
    panels = [];
  for (const key of distinct(cells.map((cell) => cell.questions))) sets.set(key, await chunk(key));
  for (const [method, group] of groups(cells, (cell) => cell.method)) {
    const counts = INDEX.outcomes.map(() => new Uint32Array(GRID * GRID)),
      canvas = el("canvas", { width: PANEL, height: PANEL, role: "img" });
    let tokens = 0;
    await each(group, async (cell) => { tokens += await countPairs(cell, counts, limit, sets, rows); });
    paint(canvas, counts, limit);
    canvas.counts = counts;  // for who wants the numbers behind the picture
    canvas.setAttribute("aria-label",
      `${method}: contribution before (across) and after (up) of ${tokens} candidate tokens`);
    panels.push(el("figure", { class: "panel", "data-tokens": tokens }, el("figcaption", {}, el("b", {}, visible(
      method)), ` ${plural(tokens, "token")} `, tokens ? closer(`Contributions before and after: ${method}`, densityFigure(counts, limit,
      GRID)) : null), canvas));
  }
  return [el("p", { class: "note" },
    "Across: contribution to the gold answer before; up: after. On the diagonal: unchanged; " +
    "on the horizontal line: no longer heeded. Values beyond the frame are on its edge. ",
    INDEX.outcomes.map((outcome) => [el("span", { class: "dot", style: { background: outcome.colour } }),
      ` ${outcome.name} `
    ])), el("div", { class: "panels" }, panels)];
}
