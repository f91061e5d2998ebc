// One question of one cell: answers, strips, attempts of every probe, and what other cells did with it.
const mark = (right, score, judge) => el("span", { class: `mark ${right ? "right" : "wrong"}` },
  (right ? "\u2713 right" : "\u2717 wrong") +
  (score === null ? "" : `, score ${isNumber(score) ? score.toFixed(2) : DASH}`) +
  (judge ? ` (${judge})` : "")
  );

function verdictsOf(rows, cell, question, side, score) {
  return cell.judges.slice(0, 8).map((judge, number) => [" ", mark((rows.right[cell.first + question] >> (2 * number +
    side)) & 1, number ? null : score, cell.judges.length > 1 ? judge : "")]);
}

function attemptsOf(cell, own, question) {
  return own.probes.map((probe, number) => {
    const row = own[`question${number}`].indexOf(question);
    if (row < 0) return null;
    const m = probe.attempts.length,
      right = (i, judge) => (own[`right${number}`][row * m + i] >> judge) & 1,
      told = (i) => own[`told${number}`][row * m + i];
    const hits = probe.attempts.filter((_, i) => right(i, 0) && !told(i)).length,
      label = cell.probes[number].label;
    if (!own[`asked${number}`][row]) return el("p", { class: "soft" },
      `${label}: could not ask this question (nothing to name).`);
    return el("details", { open: number === 0 }, el("summary", {},
        `${label}: ${hits} of ${plural(m, "attempt")} right`),
      el("table", { class: "attempts" }, el("thead", {}, el("tr", {}, ["attempt", probe.put ? "as it was put" :
          null, "answer", "verdicts"
        ].filter(Boolean).map((name) => el("th", { scope: "col" }, name)))),
        el("tbody", {}, probe.attempts.map((attempt, i) => el("tr", {}, el("td", {}, words(attempt)), probe.put &&
          el("td", {}, words(probe.put[row][i])), el("td", {}, words(probe.answer[row][i])),
          el("td", {}, probe.judges.map((judge, place) => [mark(right(i, place), place ? null : real(own[
              `score${number}`], row * m + i, TEN_THOUSAND), probe.judges.length > 1 ? judge : ""), " "]),
            told(i) ? el("small", {}, "the question tells the answer: counts in no rate") : null))))));
  });
}

function answerList(data, rows, question) {
  const { cell, questions, target, own } = data, row = rowOf(rows, new Map([
    [cell.questions, questions]
  ]), cell, question);
  return el("dl", { class: "qa" }, el("dt", {}, "gold answer"), el("dd", {}, words(questions.gold[question])),
    el("dt", {}, "before (target)"), el("dd", {}, words(target.answer[question]), verdictsOf(rows, cell, question, 0,
      real(target.score, question, TEN_THOUSAND))),
    el("dt", {}, "after (unlearned)"), el("dd", {}, words(own.answer[question]), verdictsOf(rows, cell, question, 1,
      row.score)),
    el("dt", {}, "focus shift"), el("dd", {}, isNumber(row.shift) ? row.shift.toFixed(2) : DASH));
}

function onDemand(title, make) {
  const place = el("div"),
    details = el("details", {}, el("summary", {}, title), place);
  details.addEventListener("toggle", () => { if (details.open && !place.hasChildNodes()) later(place, make); });
  return details;
}

async function questionView(cell, question) {
  const [data, rows] = await Promise.all([cellData(cell), chunk("rows")]);
  const row = rowOf(rows, new Map([
      [cell.questions, data.questions]
    ]), cell, question),
    other = cell.focus === "own" ? "gold" : "own";
  const name = { own: "each model's own answer", gold: "the gold answer" };
  return el("div", { class: "question", style: { borderLeftColor: outcomeOf(row.outcome).colour } },
    el("h3", {}, outcomeChip(row.outcome), " ", `Question ${question}: `, words(data.questions.text[question])),
    el("p", { class: "soft" }, visible(
      `${cell.method} on ${cell.model}, ${cell.dataset}, seed ${cell.seed}${campaignOf(cell).map((label) => `, ${label}`)}`
      ), " ", stepper(cell, question)),
    answerList(data, rows, question), el("h4", {}, `Contributions to ${name[cell.focus]} (behind the focus shift)`),
    strips(data, question, cell.focus), legendOfStrips(),
    onDemand(`Contributions to ${name[other]}`, () => strips(data, question, other)),
    ["own", "gold"].map((answer) => onDemand(`Token by token: the (n + 1) \u00d7 T matrix of ${name[answer]}`, () =>
      matrixView(data, question, answer))),
    el("h4", {}, "Attempts to win it back"), data.own.probes.length ? attemptsOf(cell, data.own, question) : el(
    "p", { class: "soft" }, "This cell has no probes."),
    el("h4", {}, "What others did with the same question"), besideView(cell, question));
}

function stepper(cell, question) {
  const step = (id, label, to) => {
    const button = el("button", { type: "button", id, disabled: to < 0 || to >= cell.size }, label);
    button.addEventListener("click", () => change({ n: String(to) }));
    return button;
  };
  const close = el("button", { type: "button" }, "close");
  close.addEventListener("click", () => {
    change({ cell: "", n: "" });
    byId("find").focus();
  });
  return [step("question-before", "\u25c0 question before", question - 1), " ", 
    step("question-after", "question after \u25b6", question + 1), " ", close];
}

function drawQuestion() {
  const cell = cellOf(state.cell),
    question = Number(state.n);
  if (!state.cell) {
    later("question", async () => null);
    return;
  }
  if (!cell || !Number.isInteger(question) || question < 0 || question >= cell.size) {
    const words = `This report has no question ${visible(state.n)} of ${visible(state.cell)}.`;
    later("question", async () => el("p", { class: "problem", role: "alert" }, words));
    return;
  }
  later("question", () => questionView(cell, question));
}
