// What holds of the study's claims on the chosen cells: one sentence each, and the rules with the numbers cell by cell.
function headline(answers) {
  const most = ["holds", "does not hold"].find((word) => 2 * answers.filter((answer) => answer === word).length >
    answers.length);
  return most || "cannot be said here";
}

const ANSWERS = ["holds", "does not hold", "cannot be said here"];
const counted = (answers) => ANSWERS.map((word) => [word, answers.filter((answer) => answer === word).length]).filter((
  [, count
  ]) => count)
  .map(([word, count]) => `${word} in ${count}`).join(", ");

function numbersOf(number, cells, f) {
  if (number === 1)
  return `mean focus shift ${meanFull(shiftOf("forgotten")(cells, f))} where forgotten, ` +
    `${meanFull(shiftOf("retained")(cells, f))} where still right`;
  if (number === 2)
  return `the probe brings back ${full(recoveryOfKind("probe")(cells, f))} of forgotten answers, ` +
    `plain samples ${full(recoveryOfKind("baseline")(cells, f))}`;
  if (number === 3)
  return `${full(blind("destroyed")(cells))} of destroyed questions lost every KeyToken, ` +
    `${full(blind("kept")(cells))} of kept ones`;
  return `naming other words brings back ${full(recoveryOfKind("control")(cells, f))}, ` +
    `the probe ${full(recoveryOfKind("probe")(cells, f))}`;
}

function claimSentences(cells, f) {
  return el("ul", { class: "sentences" }, INDEX.claims.map((claim, place) => {
    const answers = cells.map((cell) => cell.claims[place]);
    return el("li", { id: `claim-${claim.number}` }, verdictChip(headline(answers)), " ", el("b", {},
        `${claim.title}: `),
      `${counted(answers) || "no finished cell"}${answers.length ? ` of ${plural(answers.length, "cell")}` : ""}; ` +
      `${numbersOf(claim.number, cells, f)}.`
      );
  }));
}

function claimDetails(cells) {
  return INDEX.claims.map((claim, place) => {
    const numbers = el("div");
    const details = el("details", {}, el("summary", {}, "Numbers, cell by cell"), numbers);
    details.addEventListener("toggle", () => { if (details.open) later(numbers, () => claimTable(claim, place,
        chosenCells())); });
    return el("article", { class: "claim" }, el("h3", {}, `Claim ${claim.number}: ${claim.title}`),
      el("ul", { class: "answers" }, groups(cells, (cell) => [cell.model, cell.dataset]).map(([key, group]) => {
        const answers = group.map((cell) => cell.claims[place]);
        return el("li", {}, verdictChip(headline(answers)), ` for ${visible(key[0])} on ${visible(key[1])} `,
          el("span", { class: "soft" }, `(${counted(answers)} of ${plural(group.length, "cell")})`));
      })),
      el("dl", {}, el("dt", {}, "The study says"), el("dd", {}, claim.study), el("dt", {}, "Our reading"), el(
        "dd", {}, claim.reading), el("dt", {}, "Rule (ours)"), el("dd", {}, claim.rule)),
      cells.length ? details : null);
  });
}

async function claimTable(claim, place, cells) {
  const { runs } = await chunk("runs");
  const found = cells.map((cell) => [cell, runs[cell.number].claims[place]]);
  return el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": `numbers of claim ${claim.number}` },
    el("table", { class: "data" },
      el("thead", {}, el("tr", {}, ["method", "model, data", "seed"].map((name) => el("th", { class: "l",
          scope: "col" }, name)),
        (found[0]?.[1].numbers || []).map(([name]) => el("th", { scope: "col" }, name)), el("th", { class: "l",
          scope: "col" }, "answer"))),
      el("tbody", {}, found.map(([cell, finding]) => el("tr", {}, el("td", { class: "l" }, el("b", {}, visible(cell
          .method))), el("td", { class: "l" }, visible(cell.model), el("small", {}, visible(cell.dataset))),
        el("td", { class: "l" }, cell.seed), finding.numbers.map(([, value]) => el("td", {}, value)), el(
        "td", { class: "l" }, verdictChip(finding.answer), el("small", {}, finding.reason)))))));
}
