// The same question in other cells, side by side on the same scale.
async function sameQuestion(cell, question) {
  const { text } = await chunk(cell.questions), found = [];
  for (const other of CELLS) {
    if (other.dataset !== cell.dataset) continue;
    const place = other.questions === cell.questions ? question : text[question] ? (await chunk(other.questions)).text
      .indexOf(text[question]) : -1;  // questions without a text are the same in no other set
    if (place >= 0) found.push([other, place]);
  }
  return found;
}

function besideView(cell, question) {
  const place = el("div"),
    wide = el("select", { "aria-label": "which cells" }, [
      ["method", "other methods, same model and seed"],
      ["model", "other models, same method and seed"],
      ["seed", "other seeds, same model and method"],
      ["all", "all cells of this data set"]
    ].map(([value, label]) => el("option", { value, selected: value === state.beside }, label)));
  const match = {
    method: (o) => o.model === cell.model && o.seed === cell.seed,
    model: (o) => o.method === cell.method && o.seed === cell.seed,
    seed: (o) => o.method === cell.method && o.model === cell.model,
    all: () => true
  };
  const drawIt = () => later(place, async () => {
    const found = (await sameQuestion(cell, question)).filter(([other]) => match[wide.value](other));
    const rows = await chunk("rows"),
      made = [];
    await each(found, async ([other, at]) => { const data = await cellData(other);
      made.push([other, besideRow(data, rows, at, other === cell)]); });
    made.sort(([a], [b]) => a.number - b.number);
    return el("div", { class: "beside" }, made.map(([, row]) => row));
  });
  wide.addEventListener("change", () => { change({ beside: wide.value }, true);
    drawIt(); });
  drawIt();
  return el("div", {}, el("p", {}, wide), place);
}

// Characters of a strip in a column of the grid .beside.
function columnWidth() {
  const whole = byId("main").clientWidth - 20, columns = Math.max(1, Math.floor((whole + 18) / 578));
  return Math.max(20, Math.min(LINE, Math.floor((whole / columns - 100) / 7.4)));
}

function besideRow(data, rows, question, same) {
  const { cell, own, questions } = data, row = rowOf(rows, new Map([
    [cell.questions, questions]
  ]), cell, question), made = columnsOf(data, question, cell.focus);
  const open = el("button", { type: "button", class: "link" }, visible(
    `${cell.method}, ${cell.model}, seed ${cell.seed}${campaignOf(cell).map((label) => `, ${label}`)}`));
  open.addEventListener("click", () => openQuestion(cell, question));
  const by = cell.probes.filter((_, bit) => row.won & (1 << bit)).map((probe) => probe.label);
  return el("section", { class: "one" }, el("h5", {}, same ? el("b", {}, visible(`${cell.method} (this one)`)) : open,
      " ", outcomeChip(row.outcome),
      el("span", { class: "soft" },
        ` shift ${isNumber(row.shift) ? row.shift.toFixed(2) : DASH}; ` +
        (by.length ? `won back by ${by.join(", ")}` : "not won back")
        )),
    el("p", { class: "answer" }, words(own.answer[question])), made ? el("div", { class: "strips" }, stripTables(made
      .columns, [1], columnWidth())) : el("p", { class: "soft" }, "no contributions"));
}
