// All questions of all chosen cells: searched, sorted, a page at a time.
const PAGE = 25;
const SORTS = new Map([
  ["shift", "focus shift"],
  ["recovered", "recovered by"],
  ["lost", "KeyTokens lost"],
  ["disagree", "judges disagree"],
  ["score", "score after"],
  ["question", "question"],
]);

function explorerControls() {
  const find = el("input", { type: "search", id: "find",
  placeholder: "words of a question or answer", "aria-label": "search questions" });
  let timer;
  find.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => change({ find: find.value, page: "1" }, true), 200);
  });
  const answers = el("input", { type: "checkbox", id: "answers" });
  answers.addEventListener("change", () => change({ answers: answers.checked ? "1" : "", page: "1" }));
  const outcome = el("select", { id: "outcome", "aria-label": "outcome" }, el("option", { value: "" }, "every outcome"),
    INDEX.outcomes.map((o) => el("option", { value: o.name }, `${o.name}: ${o.words}`)));
  outcome.addEventListener("change", () => change({ outcome: outcome.value, page: "1" }));
  return el("p", { class: "controls" }, find, " ", el("label", {}, answers, " in answers after unlearning, too"), " ",
    outcome);
}

function showControls() {
  const find = byId("find");
  if (document.activeElement !== find) find.value = state.find;
  byId("answers").checked = state.answers === "1";
  byId("outcome").value = state.outcome;
}

// A row's values, by the chosen judge and probes. `place` is its place in the columns of all cells.
function rowOf(rows, sets, cell, question) {
  const place = cell.first + question,
    judge = Math.max(0, state.judge ? cell.judges.indexOf(state.judge) : 0);
  const before = (rows.right[place] >> (2 * judge)) & 1,
    after = (rows.right[place] >> (2 * judge + 1)) & 1;
  const forget = sets.get(cell.questions).split[question] === 0;
  const outcome = !before ? OUTCOME.unknown : forget ? (after ? OUTCOME.retained : OUTCOME.forgotten) : after ? OUTCOME
    .kept : OUTCOME.destroyed;
  const won = rows[`won${judge}`][place] & (state.probe.length ? probeBits(cell, state.probe) : -1);
  const verdicts = cell.judges.slice(0, 8).map((_, number) => (rows.right[place] >> (2 * number + 1)) & 1);
  return {
    cell,
    question,
    place,
    outcome,
    won,
    shift: real(rows.shift, place, TEN_THOUSAND),
    score: real(rows.score, place, TEN_THOUSAND),
    lost: rows.lost[place],
    before: rows.before[place],
    after: rows.after[place],
    disagree: verdicts.some((v) => v !== verdicts[0]) ? 1 : 0
  };
}

function bitCount(bits) {
  let count = 0;
  for (let rest = bits; rest; rest &= rest - 1) count++;
  return count;
}

function ordered(list) {
  const name = state.sort.replace("-", "");
  if (!SORTS.has(name)) return list;
  const down = state.sort.startsWith("-");
  const value = { recovered: (row) => bitCount(row.won), question: (row) => row.question } [name] || ((row) => row[
    name]);
  const key = (row) => { const v = value(row); return Number.isNaN(v) ? -Infinity : v; };
  return list.map((row) => [key(row), row]).sort((a, b) => a[0] === b[0] ? a[1].place - b[1].place : down ? b[0] - a[
    0] : a[0] - b[0]).map(([, row]) => row);
}

async function found() {
  const cells = chosenCells(),
    rows = await chunk("rows"),
    sets = new Map();
  for (const key of distinct(cells.map((cell) => cell.questions))) sets.set(key, await chunk(key));
  const wanted = state.find.trim().toLowerCase(),
    answers = new Map();
  if (wanted && state.answers) await each(cells, async (cell) => answers.set(cell, (await chunk(`c${cell.number}`))
    .answer));
  const matches = (text) => text.toLowerCase().includes(wanted),
    list = [];
  const hits = new Map([...sets].map(([key, set]) => [key, set.text.map((text, q) => !wanted || matches(text) ||
    matches(set.gold[q]))]));
  for (const cell of cells) {
    for (let q = 0; q < cell.size; q++) {
      if (!hits.get(cell.questions)[q] && !(answers.has(cell) && matches(answers.get(cell)[q]))) continue;
      const row = rowOf(rows, sets, cell, q);
      if (!state.outcome || outcomeOf(row.outcome).name === state.outcome) list.push(row);
    }
  }
  return { list: ordered(list), sets };
}

function sortHead(name, label) {
  const now = state.sort.replace("-", "") === name,
    down = state.sort.startsWith("-");
  const button = el("button", { type: "button", id: `sort-${name}` }, label);
  button.addEventListener("click", () => change({ sort: now && down ? name : `-${name}`, page: "1" }));
  return el("th", { scope: "col", "aria-sort": now ? (down ? "descending" : "ascending") : null }, button);
}

function explorerRow(row, sets) {
  const { cell, question } = row, chosen = state.cell === cell.id + suffix(cell) && state.n === String(question);
  const open = el("button", { type: "button", class: "link open" }, visible(sets.get(cell.questions).text[question]
    .slice(0, 160)).trim() || "(no text)");
  open.addEventListener("click", () => openQuestion(cell, question));
  const by = cell.probes.filter((_, bit) => row.won & (1 << bit)).map((probe) => probe.label);
  return el("tr", { class: chosen ? "chosen" : null }, el("td", { class: "l n2" }, question), el(
    "td", { class: "l text" }, open),
    el("td", { class: "l" }, visible(cell.method), el("small", {}, visible(
      `${cell.model}, ${cell.dataset}, seed ${cell.seed}`))), el("td", { class: "l" }, outcomeChip(row.outcome)),
    el("td", {}, isNumber(row.shift) ? row.shift.toFixed(2) : DASH), el("td", {}, row.lost, el("small", {},
      `${row.before} \u2192 ${row.after}`)),
    el("td", { class: "l" }, by.length ? visible(by.join(", ")) : DASH), el("td", {}, isNumber(row.score) ? row.score
      .toFixed(2) : DASH), el("td", { class: "l" }, row.disagree ? "disagree" : ""));
}

// Two campaigns may have cells of one id: then the campaign is part of the address.
const suffix = (cell) => cell.campaign ? `@${INDEX.campaigns[cell.campaign]}` : "";
const cellOf = (id) => CELLS.find((cell) => cell.id + suffix(cell) === id);

function openQuestion(cell, question) {
  change({ cell: cell.id + suffix(cell), n: String(question) });
  byId("question").scrollIntoView();
  byId("question").focus({ preventScroll: true });
}

let turn = 0;
async function drawExplorer() {
  showControls();
  const mine = ++turn;
  let result;
  try {
    result = await found();
  } catch (error) {
    show("questions", el("p", { class: "problem", role: "alert" },
      `The questions cannot be shown: ${error.message}.`));
    return;
  }
  if (mine !== turn) return;
  const { list, sets } = result, pages = Math.max(1, Math.ceil(list.length / PAGE)), page = Math.min(pages, Math.max(
    1, Number(state.page) || 1));
  const step = (id, label, to) => {
    const button = el("button", { type: "button", id, disabled: to < 1 || to > pages }, label);
    button.addEventListener("click", () => change({ page: String(to) }));
    return button;
  };
  const heads = ["question", "cell", "outcome"].map((name) => el("th", { scope: "col", class: "l" }, name));
  const focus = document.activeElement?.id;
  show("questions", el("p", { role: "status", id: "count" },
      `${plural(list.length, "question")}, page ${page} of ${pages} `, step("page-before", "\u25c0 previous", page - 1), " ",
      step("page-after", "next \u25b6", page + 1)),
    el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "questions" }, el(
      "table", { class: "data", id: "question-table" },
      el("thead", {}, el("tr", {}, sortHead("question", "no."), heads, ["shift", "lost", "recovered", "score",
        "disagree"
      ].map((name) => sortHead(name, SORTS.get(name))))),
      el("tbody", {}, list.slice((page - 1) * PAGE, page * PAGE).map((row) => explorerRow(row, sets))))));
  if (/^(sort|page)-/.test(focus || "")) byId(focus)?.focus({ preventScroll: true });
}
