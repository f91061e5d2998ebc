// The way of the unlearnings: what is destroyed against what is forgotten, from the target (0, 0) on; and filters of the tables beside it.
function wayLine({ method, points }) {
  const path = [[0, 0], ...points.filter(([, , known, , asked]) => known && asked).map(([, still, known, destroyed, asked]) =>
    [1 - still / known, destroyed / asked])];
  const said = points.map(([step, still, known, destroyed, asked]) => `step ${step}: ${known - still}/${known} forgotten, ${destroyed}/${asked} destroyed`);
  return { name: method, stroke: methodColour(method), title: `${method}: ${said.join("; ")}`, points: path, marks: true };
}

const isChosen = (name, value) => !state[name].length || state[name].includes(value);

function alongView() {
  if (!byId("ways-pictures")) return;
  const lines = INDEX.ways.filter((line) => isChosen("model", line.model) && isChosen("dataset", line.dataset) && isChosen("method", line.method) &&
    isChosen("campaign", INDEX.campaigns[line.campaign]));
  show("ways-pictures", groups(lines, (line) => [line.model, line.dataset, ...campaignOf(line)]).map(([key, group]) =>
    plot(visible(key.join(", ")), group.map(wayLine), { xs: [0, 1], percentAxis: true, percentAcross: true, across: "forgotten", up: "destroyed" })),
  lines.length ? null : el("p", { class: "soft" }, "No chosen cell was looked at on its way."));
  show("ways-legend", distinct(lines.map((line) => line.method)).map((method) => [el("span", { class: "dot", style: { background: methodColour(method) } }),
    ` ${visible(method)} `]));
}

// Tables that were made with the page begin with model, data and method; of several campaigns the data are followed by one in brackets.
function filterMadeTables() {
  for (const row of document.querySelectorAll("#ways tbody tr, #thoughts tbody tr")) {
    const [model, data, method] = [...row.cells].map((cell) => cell.textContent);
    row.hidden = !(isChosen("model", model) && (isChosen("dataset", data) || state.dataset.some((name) => data.startsWith(`${name} (`))) &&
      isChosen("method", method));
  }
}
