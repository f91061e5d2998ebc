// Elements, and numbers and texts as people read them. Texts of the results only ever become text nodes.
const DASH = "\u2013",
  MINUS = "\u2212";
const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(node.style, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) node.append(child instanceof Node ? child : String(
      child));
  }
  return node;
}

const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
const byId = (id) => document.getElementById(id);

function show(place, ...children) {
  const node = typeof place === "string" ? byId(place) : place;
  node.replaceChildren();
  return fill(node, {}, children);
}

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const percent = (value, digits = 1) => isNumber(value) ? `${(100 * value).toFixed(digits)} %` : DASH;
const thousands = (value) => isNumber(value) ? String(Math.trunc(value)).replace(/\B(?=(\d{3})+$)/g, "\u202f") : DASH;
const plural = (count, word) => `${thousands(count)} ${word}${count === 1 ? "" : "s"}`;

function signed(value, digits = 2) {
  if (value === Infinity || value === -Infinity) return (value < 0 ? MINUS : "+") + "\u221e";
  if (!isNumber(value)) return DASH;
  const text = Math.abs(value).toFixed(digits);
  return Number(text) === 0 ? text : (value < 0 ? MINUS : "+") + text;
}

function duration(seconds) {
  if (!isNumber(seconds)) return DASH;
  if (seconds < 120) return `${Number(seconds.toPrecision(3))} s`;
  return seconds < 7200 ? `${(seconds / 60).toFixed(1)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function metricNumber(value) {
  return isNumber(value) ? String(Number(value.toPrecision(3))).replace("-", MINUS) : DASH;
}

// Characters that nobody sees, or that turn text around, by their number.
const HIDDEN = new RegExp("[\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u180e" +
  "\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb]", "gu");
const codeOf = (char) => `[U+${char.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}]`;
const visible = (text) => text.replace(HIDDEN, codeOf);

const CUT = 600;
// A text of the results: isolated from the text around it, cut where it is long, the whole on demand.
function words(text) {
  if (text === "") return el("span", { class: "soft" }, "(empty)");
  if (text.length <= CUT) return el("bdi", { class: "words" }, visible(text));
  const node = el("bdi", { class: "words" }, visible(text.slice(0, CUT)) + "\u2026");
  const more = el("button", { type: "button", class: "more" }, `show all ${thousands(text.length)} characters`);
  more.addEventListener("click", () => {
    node.textContent = visible(text);
    node.classList.add("long");
    more.remove();
  });
  return el("span", {}, node, " ", more);
}

// The marks of a token: whitespace and hidden characters as signs.
function marks(piece) {
  const text = piece.replace(/\u2581|\u0120/g, " ").replace(/\u010a/g, "\n");
  if (text === "") return [el("i", {}, "\u2205")];
  const signs = { " ": "\u00b7", "\n": "\u21b5", "\t": "\u21e5", "\r": "\u240d" };
  return text.split(/([\s\S])/u).filter(Boolean).map((char) => {
    if (signs[char]) return el("i", {}, signs[char]);
    const code = char.replace(HIDDEN, codeOf);
    return code === char && !/[\s\p{Co}\p{Cs}]/u.test(char) ? char : el("i", {}, code === char ? codeOf(char) :
      code);
  });
}

const outcomeOf = (number) => INDEX.outcomes[number];

function chip(word, kind, title) {
  return el("span", { class: `chip v-${kind}`, title }, word);
}

function verdictChip(word) {
  const bare = word.replace(" (uncertain)", "");
  const kind = bare === "holds" ? "holds" : bare === "does not hold" ? "fails" : bare.includes("destructive") ?
    "destructive" :
    ["both", "neither", "insufficient"].find((name) => bare.startsWith(name)) || "open";
  return [chip(bare, kind), word.endsWith("(uncertain)") && el("small", {}, "uncertain")];
}

function outcomeChip(number) {
  const outcome = outcomeOf(number);
  return el("span", { class: "chip", title: outcome.words, style: { borderColor: outcome.colour } }, outcome.name);
}
