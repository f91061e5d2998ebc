// The bar of filters: pressed values are shown, none pressed means all.
function filterBar() {
  const values = {
    model: distinct(CELLS.map((cell) => cell.model)),
    dataset: distinct(CELLS.map((cell) => cell.dataset)),
    method: distinct(CELLS.map((cell) => cell.method)),
    seed: distinct(CELLS.map((cell) => String(cell.seed))).sort((a, b) => a - b),
    probe: distinct(CELLS.flatMap((cell) => cell.probes.map((probe) => probe.name))),
    campaign: INDEX.campaigns,
  };
  const labels = new Map(CELLS.flatMap((cell) => cell.probes.map((probe) => [probe.name, probe.label])));
  const sets = Object.entries(values).filter(([name, all]) => all.length > 1 || (name === "probe" && all.length)).map(([
      name, all
    ]) =>
    el("fieldset", { class: "filter" }, el("legend", {}, name),
      all.map((value) => toggle(name, value, name === "probe" ? labels.get(value) : value))));
  const judges = distinct(CELLS.flatMap((cell) => cell.judges));
  if (judges.length > 1) sets.push(judgeChoice(judges));
  return [sets, el("p", { class: "soft chosen", id: "chosen", role: "status" })];
}

function toggle(name, value, label) {
  const button = el("button", { type: "button", class: "toggle", "data-filter": name, "data-value": value }, visible(
    label));
  button.addEventListener("click", () => {
    const rest = state[name].filter((other) => other !== value);
    change({
      [name]: rest.length < state[name].length ? rest : [...rest, value], page: "1" });
  });
  return button;
}

function judgeChoice(judges) {
  const select = el("select", { id: "judge", "aria-label": "judge" }, el("option", { value: "" },
    "the one that decides"), judges.map((name) => el("option", { value: name }, name)));
  select.addEventListener("change", () => change({ judge: select.value, page: "1" }));
  return el("fieldset", { class: "filter" }, el("legend", {}, "judge"), select);
}

function drawFilters() {
  for (const button of document.querySelectorAll(".toggle[data-filter]")) {
    button.setAttribute("aria-pressed", String(state[button.dataset.filter].includes(button.dataset.value)));
  }
  if (byId("judge")) byId("judge").value = state.judge;
  const cells = chosenCells(),
    all = FILTERS.every((name) => !state[name].length);
  const clear = el("button", { type: "button", class: "link" }, "show all");
  clear.addEventListener("click", () => change(Object.fromEntries(FILTERS.map((name) => [name, DEFAULTS[name]]))));
  show("chosen", `${thousands(cells.length)} of ${plural(CELLS.length, "cell")}`, all ? "" : [" \u00b7 ", clear]);
}
