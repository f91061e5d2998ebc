// What each token of the answer loses when a token of the prompt is removed: n x T,
// under the T log-probabilities of the whole prompt.
async function matrixOf(data, side, answer) {
  const name = side === "target" ? `${data.cell.target}-${answer}` : `c${data.cell.number}-${answer}`;
  return chunk(name);
}

const placesOf = new WeakMap();

function placeIn(matrix, question) {
  if (!placesOf.has(matrix)) {
    const whole = [0],
      loss = [0];
    matrix.tokens.forEach((tokens, i) => { whole.push(whole[i] + tokens);
      loss.push(loss[i] + matrix.sizes[i]); });
    placesOf.set(matrix, { whole, loss });
  }
  const { whole, loss } = placesOf.get(matrix);
  return { tokens: matrix.tokens[question], whole: whole[question], loss: loss[question], rows: matrix.tokens[
      question] ? matrix.sizes[question] / matrix.tokens[question] : 0 };
}

// Token ids of answers as pieces, where a prompt has the same token.
const vocabularies = new Map();

function vocabulary(key, prompts) {
  if (!vocabularies.has(key)) vocabularies.set(key, new Map(Array.from(prompts.ids, (id, place) => [id, prompts.pieces[
    place]])));
  return vocabularies.get(key);
}

async function matrixView(data, question, answer) {
  const [before, after] = await Promise.all(["target", "own"].map((side) => matrixOf(data, side, answer)));
  const tables = [
    ["before", before],
    ["after", after]
  ].map(([name, matrix]) => matrixTable(data, question, name, matrix));
  return el("div", {}, el("p", { class: "note" },
    "A row: the log-probability that each token of the answer loses when the token of the prompt is " +
    "removed (nats); its mean over the answer's tokens, the end apart, is the token's contribution. ",
    "The first row is the log-probability after the whole prompt. " +
    "Tokens of the answer that no prompt has are shown by their ids."
    ), tables);
}

function matrixTable(data, question, name, matrix) {
  const at = placeIn(matrix, question);
  if (!at.rows) return el("p", { class: "soft" },
    `${name}: no matrix (another attribution method, or an empty answer).`);
  const pieces = vocabulary(data.cell.prompts, data.prompts),
    ids = sliceOf(matrix.ids, matrix.id_offsets, question),
    { prompts } = data,
    names = [];
  for (let place = prompts.offsets[question]; place < prompts.offsets[question + 1]; place++)
    if (prompts.candidate[place]) names.push(prompts.pieces[place]);
  const heads = Array.from(ids, (id) => el("th", { scope: "col", title: `id ${id}` }, pieces.has(id) ? marks(pieces.get(
    id)) : `#${id}`));
  const whole = Array.from(ids, (_, t) => el("td", { class: "whole" }, signed(real(matrix.whole, at.whole + t,
  CENTI))));
  const ends = matrix.end && matrix.end_offsets[question + 1] - matrix.end_offsets[question] === names.length + 1 ?
    matrix.end_offsets[question] : -1;
  if (ends >= 0) {
    heads.push(el("th", { scope: "col" }, el("i", {}, "(end)")));
    whole.push(el("td", { class: "whole" }, signed(real(matrix.end, ends, CENTI))));
  }
  const endCell = (i) => {
    const value = real(matrix.end, ends, CENTI) - real(matrix.end, ends + 1 + i, CENTI),
      { background, light } = colour(value);
    return el("td", { class: light ? "w" : null, style: { background } }, signed(value));
  };
  const body = names.map((piece, i) => el("tr", {}, el("th", { scope: "row" }, marks(piece)), Array.from(ids, (_,
  t) => {
    const value = real(matrix.loss, at.loss + i * at.tokens + t, CENTI),
      { background, light } = colour(value);
    return el("td", { class: light ? "w" : null, style: { background } }, signed(value));
  }), ends >= 0 ? endCell(i) : null));
  return el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": `matrix ${name}` }, el(
    "table", { class: "matrix" }, el("caption", {}, name),
    el("thead", {}, el("tr", {}, el("th", {}, "without"), heads)), el("tbody", {}, el("tr", {}, el(
    "th", { scope: "row" }, "(whole prompt)"), whole), body)));
}
