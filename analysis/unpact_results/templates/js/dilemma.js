// The dilemma of one model and data set: knowledge left against destruction.
const LARGE = { width: 340, height: 268, left: 48, right: 16, top: 14, bottom: 34 },
  SMALL = { width: 236, height: 186, left: 42, right: 18, top: 8, bottom: 30 };
let BOX = LARGE;
const atX = (value) => BOX.left + value * (BOX.width - BOX.left - BOX.right);
const atY = (value) => BOX.height - BOX.bottom - value * (BOX.height - BOX.top - BOX.bottom);

function pointOf(method, cells, f) {
  return { method, cells, left: knowledgeLeft(cells, f), destroyed: destructive(cells, f), controls: leftByControls(
      cells, f), back: recoveryOfKind("probe")(cells, f) };
}

// Points that no other beats in both: less knowledge left and less destroyed.
function paretoFront(points) {
  const beats = (a, b) => a.left.value <= b.left.value && a.destroyed.value <= b.destroyed.value && (a.left.value < b
    .left.value || a.destroyed.value < b.destroyed.value);
  return points.filter((point) => !points.some((other) => beats(other, point))).sort((a, b) => a.destroyed.value - b
    .destroyed.value);
}

function frameOf() {
  const limits = INDEX.limits,
    grid = BOX === SMALL ? [0, 0.5, 1] : [0, 0.25, 0.5, 0.75, 1];
  const line = (x1, y1, x2, y2, attributes) => svg("line", { x1, y1, x2, y2, ...attributes });
  return [
    svg("rect", { x: atX(0), y: atY(limits.left), width: atX(limits.destroyed) - atX(0), height: atY(0) - atY(limits
        .left), fill: "#eaf5ee" }),
    grid.map((v) => [line(atX(v), atY(0), atX(v), atY(1), { stroke: "#e6e6e6" }), line(atX(0), atY(v), atX(1), atY(
      v), { stroke: "#e6e6e6" }),
      svg("text", { x: atX(v), y: atY(0) + 13, "text-anchor": "middle" }, percent(v, 0)), svg("text", { x: atX(0) -
          4, y: atY(v) + 3.5, "text-anchor": "end" }, percent(v, 0))
    ]),
    line(atX(limits.destroyed), atY(0), atX(limits.destroyed), atY(1), { stroke: "#777", "stroke-dasharray": "4 3" }),
    line(atX(0), atY(limits.left), atX(1), atY(limits.left), { stroke: "#777", "stroke-dasharray": "4 3" }),
    svg("text", { x: atX(0.5), y: BOX.height - 5, "text-anchor": "middle" }, "destructive rate"),
    svg("text", { x: 11, y: atY(0.5), "text-anchor": "middle", transform: `rotate(-90 11 ${atY(0.5)})` },
      "knowledge left"),
    svg("text", { x: atX(0) + 4, y: atY(0) - 4, class: "corner" }, "the goal"), svg("text", { x: atX(1) - 3, y: atY(
        0) - 4, "text-anchor": "end", class: "corner" }, "destructive"),
    svg("text", { x: atX(1) - 3, y: atY(1) + 10, "text-anchor": "end", class: "corner" }, "both"),
    svg("text", { x: atX(0) + 12, y: atY(1) + 10, class: "corner" }, "insufficient"),
    svg("path", { d: `M${atX(0) - 4} ${atY(1)}h8M${atX(0)} ${atY(1) - 4}v8`, stroke: "#1c1c1c", "stroke-width": 2 },
      svg("title", {}, "the target: all known, nothing destroyed")),
  ];
}

function drawPoint(point, f) {
  const x = atX(point.destroyed.value),
    y = atY(point.left.value),
    stroke = methodColour(point.method);
  const said =
    `${point.method}: knowledge left ${full(point.left)}; ` +
    `destructive rate ${full(point.destroyed)}; ` +
    `recovery ${full(point.back)}; ${plural(point.cells.length, "cell")}`;
  const seeds = point.cells.length > 1 ? point.cells.map((cell) => [destructive([cell], f).value, knowledgeLeft([cell],
    f).value]) : [];
  return svg("g", { stroke, class: "point" }, svg("title", {}, said),
    svg("path", { d: `M${atX(point.destroyed.low)} ${y}H${atX(point.destroyed.high)}` +
        `M${x} ${atY(point.left.low)}V${atY(point.left.high)}`,
      fill: "none", opacity: 0.45 }),
    seeds.filter((pair) => pair.every(isNumber)).map(([a, b]) => svg("circle", { cx: atX(a), cy: atY(b), r: 1.8,
      fill: stroke, stroke: "none", opacity: 0.6 })),
    point.controls.total ? svg("path", { d: `M${x} ${atY(point.controls.value) - 4}l4 4l-4 4l-4 -4z`, fill: "#fff" },
      svg("title", {}, `${point.method}: what would be left if the controls counted: ${full(point.controls)}`)) :
    null,
    svg("circle", { cx: x, cy: y, r: 5, fill: stroke, stroke: "#fff" }));
}

// Labels beside points, at the nearest of some places that touches no earlier label and no point. Of many points those that find no
// room have none: a point says its name under the pointer, and the heat map has all.
function placeLabels(points) {
  const few = points.length <= 16;
  const corners = [[12, 0, 76], [-30, 0, 30], [3, 1, 52], [-74, 1, 74]].map(([dx, low, w]) => ({ x: atX(dx < 0 ? 1 : 0) + dx,
    y: low ? atY(0) - 13 : atY(1) + 1, w, h: 11 }));  // what frameOf writes
  const taken = [...corners, ...points.map((p) => ({ x: atX(p.destroyed.value) - 5, y: atY(p.left.value) - 5, w: 10, h: 10 }))];
  const touches = (a, b) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
  return points.map((p) => {
    const w = 6.1 * p.method.length + 2,
      h = 11,
      x = atX(p.destroyed.value),
      y = atY(p.left.value);
    const places = [8, 18, 30, 44].flatMap((d) => [
        [d, -h / 2],
        [-d - w, -h / 2],
        [-w / 2, -d - h + 2],
        [-w / 2, d - 2],
        [d * 0.7, -d - h / 2],
        [d * 0.7, d - h / 2],
        [-d * 0.7 - w, -d - h / 2],
        [-d * 0.7 - w, d - h / 2]
      ]).map(([dx, dy]) => ({ x: x + dx, y: y + dy, w, h }))
      .filter((b) => b.x >= atX(0) && b.x + w <= BOX.width && b.y >= 0 && b.y + h <= atY(0));
    const box = places.find((place) => !taken.some((other) => touches(place, other))) || few && (places[0] || { x: x +
      8, y: y - h / 2, w, h });
    if (!box) return null;
    taken.push(box);
    const far = Math.hypot(box.x + w / 2 - x, box.y + h / 2 - y) > w / 2 + 16;
    return [far && svg("line", { x1: x, y1: y, x2: box.x + w / 2, y2: box.y + h / 2, stroke: methodColour(p.method),
        opacity: 0.4 }),
      svg("text", { x: box.x + 1, y: box.y + 9, fill: methodColour(p.method), class: "label" }, p.method)
    ];
  });
}

function dilemmaPicture(title, cells, f, small) {
  BOX = small ? SMALL : LARGE;
  const points = groups(cells, (cell) => cell.method).map(([method, group]) => pointOf(method, group, f));
  const placed = points.filter((p) => isNumber(p.left.value) && isNumber(p.destroyed.value)),
    front = paretoFront(placed);
  const unplaced = points.filter((p) => !placed.includes(p)).map((p) => p.method);
  const said = placed.map((p) => `${p.method}: knowledge left ${full(p.left)}, destructive rate ${full(p.destroyed)}.`)
    .join(" ");
  const path = front.map((p, i) => `${i ? "L" : "M"}${atX(p.destroyed.value)} ${atY(p.left.value)}`).join("");
  const seedsOf = (p) => p.cells.length > 1 ? p.cells.map((cell) => [destructive([cell], f).value, knowledgeLeft([cell], f)
    .value]).filter((pair) => pair.every(isNumber)) : [];
  return el("figure", { class: small ? "small" : null }, el("figcaption", {}, el("b", {}, title)),
    el("div", { class: "picture" }, svg("svg", { viewBox: `0 0 ${BOX.width} ${BOX.height}`,
      role: "img", "aria-label": `${title}. ${said || "No method has both rates."}` }, frameOf(),
      front.length > 1 ? svg("path", { d: path, fill: "none",
    stroke: "#1c1c1c", "stroke-width": 1.2, "stroke-dasharray": "1 3" }) : null,
      placed.map((point) => drawPoint(point, f)),
      placeLabels([...front, ...placed.filter((p) => !front.includes(p))])),
      placed.length ? closer(`The dilemma: ${title}`, dilemmaFigure(placed, seedsOf)) : null),
    unplaced.length ? el("p", { class: "soft" }, `Without a point (a rate is 0/0): ${unplaced.join(", ")}`) : null);
}
