// One diverging scale for all contributions: zero is white, blue supports the answer, orange-red hurts it.
const SUPPORT = [31, 95, 168],
  HURT = [201, 66, 10],
  NOISE = "#e3e3e3",
  MEASURED = [11, 83, 148];

const luminance = (rgb) => {
  const [r, g, b] = rgb.map((part) => part / 255).map((c) => c <= 0.0393 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const blend = (end, portion) => end.map((part) => Math.round(255 + (part - 255) * portion));

function colour(value, limit = INDEX.limits.colour) {
  if (Number.isNaN(value)) return { background: NOISE, light: false };
  const rgb = blend(value >= 0 ? SUPPORT : HURT, limit > 0 ? Math.min(1, Math.abs(value) / limit) : 0);
  return { background: `rgb(${rgb})`, light: luminance(rgb) < 0.18 };
}

// A share between 0 and 1 on white to blue.
function shade(value) {
  if (!isNumber(value)) return { background: "#fff", color: "#1c1c1c" };
  const rgb = blend(MEASURED, 0.85 * Math.min(1, Math.max(0, value)));
  return { background: `rgb(${rgb})`, color: luminance(rgb) < 0.18 ? "#fff" : "#000" };
}

const METHOD_COLOURS = ["#0b5394", "#c04f00", "#00775a", "#8a3f8f", "#6b6b00", "#333333", "#a5004f", "#006d8f"];
const METHODS = distinct(CELLS.map((cell) => cell.method)),
  MODELS = distinct(CELLS.map((cell) => cell.model));
const methodColour = (name) => METHOD_COLOURS[METHODS.indexOf(name) % METHOD_COLOURS.length];

function legendOfStrips() {
  const limit = INDEX.limits.colour,
    stops = Array.from({ length: 9 }, (_, i) => colour(-limit + limit * i / 4).background);
  const first = CELLS[0],
    swatch = (style, text) => el("span", { class: "swatch", style }, text);
  return el("div", { class: "legend", role: "note", "aria-label": "Legend of the token strips" },
    el("div", { class: "scale" },
      el("div", { class: "words2" }, el("span", {}, el("b", {}, "orange-red: hurts"), el("br"),
          "without the token the answer is likelier"),
        el("span", {}, el("b", {}, "blue: supports"), el("br"), "without it the answer is less likely")),
      el("div", { class: "bar", style: { background: `linear-gradient(to right, ${stops})` } }),
      el("div", { class: "ticks" }, [-1, -0.5, 0, 0.5, 1].map((part) =>
        el("span", {}, (part === -1 ? "\u2264 " : part === 1 ? "\u2265 " : "") + signed(part * limit)))),
      "nats per answer token; one scale for all strips"),
    el("div", {}, swatch({ borderColor: "#000", background: "#fff" }, "word"),
      `KeyToken${first ? ` (\u03b1 = ${first.alpha}, \u03b2 = ${first.beta})` : ""}; in the difference: `,
      swatch({ border: "1.5px dashed #000" }, "word"), "KeyToken lost, ", swatch({ borderColor: "#000" }, "word"),
      "gained", el("br"),
      swatch({ background: NOISE }, "word"), "below the measured noise floor (twice that for a difference)", el("br"),
      swatch({ color: "#636363", fontStyle: "italic" }, "word"), "context: template or examples, not measured", el(
        "br"),
      swatch({}, "\u00b7"), "space ", swatch({}, "\u21b5"), "new line ", swatch({}, "\u21e5"),
      "tab. In the difference (after \u2212 before), blue has gained support, orange-red has lost it."));
}
