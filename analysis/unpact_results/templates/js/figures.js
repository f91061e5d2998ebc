// Figures to look into, drawn on demand by Vega (templates/vendor): values under the pointer, zoom by wheel, files to keep.
let drawing = null;

// The library is unpacked and run when a figure wants it first; the page's policy knows its checksum.
function library() {
  drawing ??= chunk("vega").then(({ source }) => {
    document.head.append(el("script", {}, source));
    return window.vegaEmbed;
  });
  return drawing;
}

const LOOK = {
  background: "white",
  padding: 8,
  config: { font: "\"DejaVu Sans\", Verdana, sans-serif", view: { stroke: null }, axis: { gridColor: "#e6e6e6",
      labelFontSize: 12, titleFontSize: 12.5 }, legend: { labelFontSize: 12, titleFontSize: 12.5, symbolLimit: 100 } }
};
const ZOOM = [{ name: "zoom", select: "interval", bind: "scales" }];
const shares = (title) => ({ type: "quantitative", title, axis: { format: "%" }, scale: { domain: [-0.02, 1.02], nice: false } });
const field = (name, more = {}) => ({ field: name, type: "quantitative", ...more });
const tips = (names) => names.map((name) => ({ field: name }));

function download(name, content, type) {
  const address = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  el("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

const csvField = (value) => /[",\n\r]/.test(value) ? `"${value.replaceAll("\"", "\"\"")}"` : value;
const csvLine = (values) => values.map((value) => csvField(String(value ?? ""))).join(",") + "\n";

// The rows of a figure as CSV; rows may lack columns.
function csvOf(rows) {
  const names = distinct(rows.flatMap(Object.keys));
  return csvLine(names) + rows.map((row) => csvLine(names.map((name) => row[name]))).join("");
}

const fileName = (title) => title.replace(/[^\p{L}\p{N}]+/gu, "_").replace(/^_|_$/g, "").slice(0, 80) || "figure";

function keepers(view, title, rows) {
  const keep = (kind, make) => {
    const button = el("button", { type: "button", class: "toggle" }, kind);
    button.addEventListener("click", make);
    return button;
  };
  const name = fileName(title);
  return el("p", { class: "keep" }, "Keep as ",
    keep("SVG", async () => download(`${name}.svg`, await view.toSVG(), "image/svg+xml")), " ",
    keep("PNG", async () => (await view.toCanvas(2)).toBlob((blob) => download(`${name}.png`, blob))), " ",
    keep("CSV", () => download(`${name}.csv`, csvOf(rows), "text/csv")));
}

// Long fractions shortened; texts as they are, but for what nobody sees.
const short = (what) => /^-?\d*\.\d{4,}(e-?\d+)?$/.test(what) ? String(Number(Number(what).toPrecision(4))) : visible(String(what));

async function drawn(title, make) {
  const embed = await library(), said = el("p", { class: "said", role: "status" }, "Point at something to read it."),
    node = el("div", { class: "vega" }), narrow = innerWidth < 700, width = Math.max(200, Math.min(860, innerWidth - (narrow ? 130 : 260))),
    { rows, spec } = make(width);
  const tooltip = (_handler, _event, _item, value) => {
    if (value && typeof value === "object") said.textContent = Object.entries(value).map(([name, what]) => `${name}: ${short(what)}`).join("; ");
  };
  const config = { ...LOOK.config, legend: { ...LOOK.config.legend, ...(narrow ? { orient: "bottom", columns: 3 } : {}) } };
  const { view } = await embed(node, { ...LOOK, config, width, height: Math.min(460, 0.62 * width), data: { values: rows }, ...spec },
    { ast: true, mode: "vega-lite", actions: false, renderer: "svg", defaultStyle: false, tooltip, hover: false });
  node.querySelector("svg").setAttribute("aria-label", title);
  return [el("div", { class: "wide" }, node), said, keepers(view, title, rows)];
}

// A button that opens the figure; `make` takes a width and gives rows and a Vega-Lite specification without them.
function closer(title, make) {
  const button = el("button", { type: "button", class: "link look", title: "with values, to zoom and to keep" }, "look closer");
  button.addEventListener("click", () => {
    const place = el("div"), close = el("button", { type: "button", class: "toggle" }, "close");
    const dialog = el("dialog", { class: "closer", "aria-label": title }, el("p", { class: "head" }, el("b", {}, title), close), place);
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
    later(place, () => drawn(title, make));
  });
  return button;
}

// Lines with bands, as plot() draws them small: {title, stroke, dash, points: [[x, y, low, high], ...]}.
function lineFigure(lines, { percentAxis, percentAcross, across, up }) {
  const rows = lines.flatMap(({ points, name }) => points.map(([x, y, low, high], place) => ({ line: name, place, [across]: x, [up]: y,
    ...(isNumber(low) ? { low, high } : {}) })));
  const names = lines.map(({ name }) => name);
  const colours = { field: "line", type: "nominal", title: null, sort: names, scale: { domain: names, range: lines.map(({ stroke }) => stroke) } };
  const y = percentAxis ? { field: up, ...shares(up) } : field(up, { scale: { zero: false } }), x = percentAcross ? { field: across, ...shares(across) } : field(across, { scale: { nice: false },
    axis: { tickMinStep: 1, format: "d" } }), order = { field: "place" };
  const band = rows.some((row) => isNumber(row.low)) ? [{ transform: [{ filter: "isValid(datum.low)" }], mark: { type: "area", opacity: 0.13 },
    encoding: { x, y: field("low"), y2: { field: "high" }, color: colours } }] : [];
  const dashes = { field: "line", type: "nominal", title: null, sort: names, scale: { domain: names,
    range: lines.map(({ dash }) => dash ? dash.split(" ").map(Number) : [1, 0]) } };
  return () => ({ rows, spec: { layer: [{ params: ZOOM, mark: { type: "line", strokeWidth: 1.8 }, encoding: { x, y, color: colours, strokeDash: dashes, order } },
    ...band, { mark: { type: "point", filled: true, size: 45 }, encoding: { x, y, color: colours,
      tooltip: tips(["line", across, up, ...(band.length ? ["low", "high"] : [])]) } }] } });
}

function dilemmaFigure(points, seedsOf) {
  const numbers = (r, name) => ({ [name]: r.value, [`${name} low`]: r.low, [`${name} high`]: r.high, [`${name} counts`]: `${r.count}/${r.total}` });
  const rows = points.map((p) => ({ kind: "method", method: p.method, ...numbers(p.destroyed, "destructive rate"), ...numbers(p.left, "knowledge left") }));
  const more = points.flatMap((p) => [...seedsOf(p).map(([x, y]) => ({ kind: "seed", method: p.method, "destructive rate": x, "knowledge left": y })),
    ...(p.controls.total ? [{ kind: "if controls counted", method: p.method, "destructive rate": p.destroyed.value, "knowledge left": p.controls.value }] : [])]);
  const names = rows.map((row) => row.method), of = (kind) => [{ filter: `datum.kind === '${kind}'` }];
  const colour = { field: "method", type: "nominal", sort: names, scale: { domain: names, range: names.map(methodColour) } };
  const x = { field: "destructive rate", ...shares("destructive rate") }, y = { field: "knowledge left", ...shares("knowledge left") };
  const at = { x, y, color: colour }, line = { type: "rule", opacity: 0.5 }, limit = { type: "rule", strokeDash: [4, 3], color: "#777" };
  const said = tips(["kind", "method", "destructive rate", "knowledge left"]);
  return () => ({ rows: [...rows, ...more], spec: { layer: [
    { params: ZOOM, transform: of("method"), mark: line, encoding: { ...at, x: { ...x, field: "destructive rate low" }, x2: { field: "destructive rate high" } } },
    { transform: of("method"), mark: line, encoding: { ...at, y: { ...y, field: "knowledge left low" }, y2: { field: "knowledge left high" } } },
    { data: { values: [{}] }, mark: limit, encoding: { x: { datum: INDEX.limits.destroyed } } },
    { data: { values: [{}] }, mark: limit, encoding: { y: { datum: INDEX.limits.left } } },
    { transform: of("seed"), mark: { type: "point", filled: true, size: 22, opacity: 0.6 }, encoding: { ...at, tooltip: said } },
    { transform: of("if controls counted"), mark: { type: "point", shape: "diamond", size: 45, fill: "white" }, encoding: { ...at, tooltip: said } },
    { transform: of("method"), mark: { type: "point", filled: true, opacity: 1, size: 95, stroke: "white" }, encoding: { ...at,
      tooltip: tips(["method", ...Object.keys(rows[0] || {}).slice(2)]) } },
    { transform: of("method"), mark: { type: "text", dx: 8, dy: -8, align: "left" }, encoding: { ...at, text: { field: "method" } } }
  ] } });
}

function heatFigure(rows, title) {
  const encoding = { x: { field: "model and data", type: "nominal", sort: null, title: null, axis: { labelAngle: -35, labelLimit: 260 } },
    y: { field: "method", type: "nominal", sort: null, title: null } }, said = tips(["method", "model and data", "value", "low", "high", "counts"]);
  return (width) => ({ rows, spec: { height: { step: 26 }, width: Math.min(width, 80 * distinct(rows.map((row) => row["model and data"])).length + 40),
    layer: [{ mark: "rect", encoding: { ...encoding, color: field("value", { title, scale: { range: ["#ffffff", "#3a75aa"] } }), tooltip: said } },
    { mark: { type: "text" }, encoding: { ...encoding, text: field("value", { format: ".3~g" }), tooltip: said } }] } });
}

// The counts of a contribution panel: squares of the grid, by outcome.
function densityFigure(counts, limit, grid) {
  const edge = (place) => Number((limit * (2 * place / grid - 1)).toFixed(4));
  const rows = counts.flatMap((cells, outcome) => [...cells].flatMap((tokens, place) => tokens ? [{ outcome: INDEX.outcomes[outcome].name,
    before: edge(place % grid), "before to": edge(place % grid + 1), after: edge(Math.floor(place / grid)), "after to": edge(Math.floor(place / grid) + 1),
    tokens }] : []));
  const scale = { domain: [-limit, limit], nice: false };
  return (width) => ({ rows, spec: { height: width * 0.62, width: width * 0.62, params: ZOOM, mark: "rect", encoding: { x: field("before", { scale, title:
      "contribution before (nats per token)" }), x2: { field: "before to" }, y: field("after", { scale, title: "contribution after" }), y2: { field: "after to" },
    color: { field: "outcome", type: "nominal", scale: { domain: INDEX.outcomes.map((o) => o.name), range: INDEX.outcomes.map((o) => o.colour) } },
    opacity: field("tokens", { scale: { type: "log", range: [0.3, 1] } }), tooltip: tips(["outcome", "before", "after", "tokens"]) } } });
}

async function licenceView() {
  return el("pre", {}, (await chunk("vega")).licence);
}
