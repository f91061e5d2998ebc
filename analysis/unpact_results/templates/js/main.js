// Puts the views in their places and draws them again when what they show changes.
function onOpen(id, make, redraw = FILTERS) {
  const section = byId(id),
    place = section.querySelector(".place");
  const run = () => { if (section.open) later(place, make);
    else place.replaceChildren(); };
  section.addEventListener("toggle", run);
  onChange(redraw, run);
}

function facts() {
  return INDEX.facts.filter(([, value]) => value !== DASH).map(([name, value]) => [el("dt", {}, name), el("dd", {},
    visible(value))]);
}

function start() {
  readAddress();
  if (INDEX.asked && !state.cell && CELLS.length && INDEX.asked.length) Object.assign(state, { cell: CELLS[0].id,
    n: String(INDEX.asked[0]) });
  show("filters", filterBar());
  show("facts", facts());
  show("missing", absentCells());
  show("left-out", INDEX.left_out ? el("p", { class: "note" },
    "To keep this one file small, the token-by-token matrices of answers that the " +
    "focus shift is not about are left out; report --as folder has them."
    ) : null);
  show("explorer-controls", explorerControls());
  onChange(FILTERS, drawFilters);
  onChange([...FILTERS, "heat"], overview);
  onChange([...FILTERS, "rows"], verdictTable);
  onChange(FILTERS, () => show("claim-details", claimDetails(chosenCells())));
  onChange([...FILTERS, "find", "answers", "outcome", "sort", "page", "cell", "n"], drawExplorer);
  onChange(["cell", "n", "judge", "probe"], drawQuestion);
  onChange(FILTERS, keyTokenView);
  onChange(FILTERS, budgetView);
  onChange(FILTERS, differenceView);
  onChange(FILTERS, alongView);
  onChange(FILTERS, filterMadeTables);
  const unfolded = { contributions: contributionPanels, models: modelView, losses: lossView, cost: costView,
    metrics: metricView, runs: runView, licences: licenceView };
  for (const [id, make] of Object.entries(unfolded)) onOpen(id, make);
  draw();
  document.documentElement.dataset.ready = "1";
}

addEventListener("popstate", () => {
  readAddress();
  draw();
});
addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll("details.print")) part.open = true;
});
start();
