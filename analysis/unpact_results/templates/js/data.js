// The index, and chunks of data that are unpacked when a view needs them (web/chunks.py says how they are packed).
const INDEX = JSON.parse(byId("index").textContent);
const CELLS = INDEX.cells;
CELLS.forEach((cell, number) => { cell.number = number; });
let first = 0;
for (const cell of CELLS) { cell.first = first;
  first += cell.size; }

const ARRAYS = { u1: Uint8Array, i2: Int16Array, u2: Uint16Array, i4: Int32Array, u4: Uint32Array };
const loaded = new Map(),
  waiting = new Map();
const parsed = new Promise((done) => {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", done);
  else done();
});

// Data files call this: they are scripts, which a page from disk may load, unlike other files.
window.unpactData = (name, text) => { waiting.get(name)?.(text); };

function fromFile(name) {
  return new Promise((done, fail) => {
    const script = el("script", { src: `${encodeURIComponent(INDEX.folder)}/${name}.js` });
    waiting.set(name, (text) => { waiting.delete(name);
      script.remove();
      done(text); });
    script.addEventListener("error", () => fail(new Error(`the data file ${INDEX.folder}/${name}.js is missing`)));
    document.head.append(script);
  });
}

async function textOf(name) {
  if (INDEX.folder) return fromFile(name);
  let node = byId(`chunk-${name}`);
  if (!node) { await parsed;
    node = byId(`chunk-${name}`); }
  if (!node) throw new Error("it is not in this file: make the report with --as folder");
  return node.textContent;
}

async function inflate(text) {
  const raw = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  const stream = new Blob([raw]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function arrayOf(raw, [code, offset, length], start) {
  const size = Number(code[1]);
  const bytes = new Uint8Array(size * length),
    from = start + offset;
  for (let plane = 0; plane < size; plane++) {
    for (let i = 0; i < length; i++) bytes[i * size + plane] = raw[from + plane * length + i];
  }
  return new ARRAYS[code](bytes.buffer);
}

async function unpack(name) {
  const raw = await inflate(await textOf(name));
  const length = new DataView(raw.buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(raw.subarray(4, 4 + length)));
  const start = Math.ceil((4 + length) / 8) * 8,
    found = { ...header.content };
  for (const [key, place] of Object.entries(header.arrays)) found[key] = arrayOf(raw, place, start);
  return found;
}

function chunk(name) {
  if (!loaded.has(name)) loaded.set(name, unpack(name));
  return loaded.get(name);
}

// Stored integers as numbers: the smallest stands for "missing", the largest and its negative for infinities.
function real(array, place, perUnit) {
  const value = array[place],
    top = array instanceof Int16Array ? 32767 : 2147483647;
  return value === -top - 1 ? NaN : value === top ? Infinity : value === -top ? -Infinity : value / perUnit;
}
const MILLI = 1000,
  CENTI = 100,
  TEN_THOUSAND = 10000;

// Everything of a cell that its questions need.
async function cellData(cell) {
  const [questions, prompts, target, own] = await Promise.all([cell.questions, cell.prompts, cell.target,
    `c${cell.number}`
  ].map(chunk));
  return { cell, questions, prompts, target, own };
}

// A place for a view that needs data: says that it waits, and what went wrong. The last view that was asked for stays, and the
// focus on the control that asked for it.
const turns = new WeakMap();
async function later(place, make) {
  const node = typeof place === "string" ? byId(place) : place, mine = (turns.get(node) || 0) + 1;
  const focus = node.contains(document.activeElement) ? document.activeElement.id : "";
  turns.set(node, mine);
  show(node, el("p", { class: "soft", role: "status" }, "Unpacking\u2026"));
  let made;
  try {
    made = await make();
  } catch (error) {
    made = el("p", { class: "problem", role: "alert" }, `This cannot be shown: ${error.message}.`);
  }
  if (turns.get(node) !== mine) return;
  show(node, made);
  if (focus) byId(focus)?.focus({ preventScroll: true });
}

// Runs a task for each item, a few at a time; calls `said` after each.
async function each(items, task, said) {
  let next = 0,
    done = 0;
  const worker = async () => {
    while (next < items.length) {
      await task(items[next++]);
      said?.(++done, items.length);
    }
  };
  await Promise.all(Array.from({ length: 6 }, worker));
}
