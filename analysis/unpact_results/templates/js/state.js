// What is shown stands in the address, so that a link shows the same.
const DEFAULTS = {
  model: [],
  dataset: [],
  method: [],
  seed: [],
  probe: [],
  campaign: [],
  judge: "",
  heat: "knowledge left",
  rows: "pooled",
  find: "",
  answers: "",
  outcome: "",
  sort: "",
  page: "1",
  cell: "",
  n: "",
  beside: "method"
};
const state = { ...DEFAULTS };
const listeners = [];

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const [name, standard] of Object.entries(DEFAULTS)) {
    const value = given.get(name);
    state[name] = Array.isArray(standard) ? (value ? value.split(",").map(decodeURIComponent) : []) : value ?? standard;
  }
}

function address() {
  const given = new URLSearchParams();
  for (const [name, standard] of Object.entries(DEFAULTS)) {
    const value = Array.isArray(standard) ? state[name].map(encodeURIComponent).join(",") : state[name];
    if (value !== "" && value !== standard) given.set(name, value);
  }
  return "#" + given.toString();
}

// Changes what is shown; `names` of what changed decide which views are drawn again.
function change(changes, keep = false) {
  Object.assign(state, changes);
  if (address() !== (location.hash || "#")) history[keep ? "replaceState" : "pushState"](null, "", address());
  draw(Object.keys(changes));
}

function draw(names) {
  for (const { on, run } of listeners)
    if (!names || names.some((name) => on.includes(name))) run();
}

function onChange(on, run) { listeners.push({ on, run }); }

const FILTERS = ["model", "dataset", "method", "seed", "probe", "judge", "campaign"];
const filters = () => ({ judge: state.judge, probes: state.probe });

function chosenCells() {
  const match = (name, value) => !state[name].length || state[name].includes(String(value));
  return CELLS.filter((cell) => match("model", cell.model) && match("dataset", cell.dataset) && match("method", cell
      .method) && match("seed", cell.seed) &&
    match("campaign", INDEX.campaigns[cell.campaign]) && (!state.judge || cell.judges.includes(state.judge)));
}

const distinct = (values) => [...new Set(values)];
// Cells by a key, in order: [[key, cells], ...].
function groups(cells, keyOf) {
  const found = new Map();
  for (const cell of cells) {
    const key = JSON.stringify(keyOf(cell));
    if (!found.has(key)) found.set(key, []);
    found.get(key).push(cell);
  }
  return [...found].map(([key, group]) => [JSON.parse(key), group]);
}
const campaignOf = (cell) => INDEX.campaigns.length > 1 ? [INDEX.campaigns[cell.campaign]] : [];
