// The forward pass of a small network, layer by layer, as Keras computes it: what a counterfactual asks.
// A sequence is an array of rows; matrices are {data, rows, columns} with data in a Float32Array.

const sigmoid = x => 1 / (1 + Math.exp(-x));
const line = slope => x => Math.min(Math.max(slope * x + 0.5, 0), 1);
// What gates may be squashed by; Keras 2 had another hard sigmoid.
const gates = {sigmoid, hard_sigmoid: line(1 / 6), hard_sigmoid_keras2: line(0.2)};
const activations = {
  linear: row => row,
  relu: row => row.map(x => Math.max(x, 0)),
  tanh: row => row.map(Math.tanh),
  sigmoid: row => row.map(sigmoid),
  softmax: row => {
    const top = Math.max(...row), powers = row.map(x => Math.exp(x - top));
    const sum = powers.reduce((a, b) => a + b, 0);
    return powers.map(x => x / sum);
  },
};

// row × matrix + bias, from one of the bias's rows on (a GRU has two of them).
function product(row, matrix, bias = null, from = 0) {
  const {data, columns} = matrix, result = new Float64Array(columns);
  if (bias !== null) for (let j = 0; j < columns; j++) result[j] = bias.data[from + j];
  for (let i = 0; i < row.length; i++) {
    const x = row[i];
    if (x !== 0) for (let j = 0, k = i * columns; j < columns; j++, k++) result[j] += x * data[k];
  }
  return result;
}

// One step of a cell: (projected input, states, layer) -> {gates, states}; gates in Keras's order.
const cells = {
  lstm(x, [h, c], layer) {
    const n = layer.units, u = product(h, layer.recurrent), part = (k, f) => Float64Array.from({length: n}, (_, j) => f(x[k * n + j] + u[k * n + j]));
    const gate = gates[layer.gate], input = part(0, gate), forget = part(1, gate), cell = part(2, Math.tanh), output = part(3, gate);
    const after = forget.map((f, j) => f * c[j] + input[j] * cell[j]);
    return {gates: {input, forget, cell, output}, states: [after.map((v, j) => output[j] * Math.tanh(v)), after]};
  },
  gru(x, [h], layer) {
    const n = layer.units, after = layer.resetAfter;
    const u = product(h, layer.recurrent, after ? layer.bias : null, 3 * n);
    const gate = k => Float64Array.from({length: n}, (_, j) => gates[layer.gate](x[k * n + j] + u[k * n + j]));
    const update = gate(0), reset = gate(1);
    // Before or after the product, as the layer was built.
    const inner = after ? reset.map((r, j) => r * u[2 * n + j]) : product(reset.map((r, j) => r * h[j]), layer.recurrent).slice(2 * n);
    const candidate = inner.map((v, j) => Math.tanh(x[2 * n + j] + v));
    return {gates: {update, reset, candidate}, states: [h.map((v, j) => update[j] * v + (1 - update[j]) * candidate[j])]};
  },
  rnn(x, [h], layer) {
    const u = product(h, layer.recurrent);
    return {gates: {}, states: [u.map((v, j) => Math.tanh(x[j] + v))]};
  },
};

// Walk a recurrent layer; `kept` gets gates and states of every step, in the order of time.
function walk(layer, rows, real, kept) {
  const zeros = () => new Float64Array(layer.units), steps = rows.map((_, t) => t);
  if (layer.backwards) steps.reverse();
  let states = layer.type === "lstm" ? [zeros(), zeros()] : [zeros()];
  const found = new Array(rows.length), outputs = [];
  for (const t of steps) {
    const step = cells[layer.type](product(rows[t], layer.kernel, layer.bias), states, layer);
    if (real === null || real[t]) states = step.states;
    found[t] = {...step.gates, h: states[0], ...(states.length > 1 ? {c: states[1]} : {})};
    outputs.push(states[0]);
  }
  kept.push(found);
  return {outputs, last: states[0]};
}

const merges = {
  concat: (a, b) => [...a, ...b],
  sum: (a, b) => a.map((v, j) => v + b[j]),
  ave: (a, b) => a.map((v, j) => (v + b[j]) / 2),
  mul: (a, b) => a.map((v, j) => v * b[j]),
};

const kinds = {
  activation: (layer, rows) => rows.map(activations[layer.activation]),
  dense: (layer, rows) => rows.map(row => activations[layer.activation](product(row, layer.kernel, layer.bias))),
  pooling(layer, rows) {
    const count = Math.floor(rows.length / layer.size);
    const highest = (t, j) => Math.max(...rows.slice(t * layer.size, (t + 1) * layer.size).map(row => row[j]));
    return Array.from({length: count}, (_, t) => rows[0].map((_, j) => highest(t, j)));
  },
  convolution(layer, rows) {
    const width = layer.kernel.rows / rows[0].length, half = (width - 1) / 2, zeros = new Float64Array(rows[0].length);
    return rows.map((_, t) => {
      const seen = Array.from({length: width}, (_, k) => Array.from(rows[t + k - half] ?? zeros)).flat();
      return activations[layer.activation](product(seen, layer.kernel, layer.bias));
    });
  },
  pool(layer, rows, real) {
    const counted = real === null ? rows : rows.filter((_, t) => real[t]);
    const over = j => layer.kind === "max" ? Math.max(...rows.map(row => row[j])) : counted.reduce((sum, row) => sum + row[j], 0) / counted.length;
    return [rows[0].map((_, j) => over(j))];
  },
};

// The runs of words that end with a token, as gatewise.classification.word_runs numbers them. `before` holds the places of those that
// end with the token before it, from runs of one word on; returns the places of these, and the numbers of those of two words and more.
function runsThatEnd(layer, before, token) {
  const places = [], numbers = [];
  let first = 1;
  layer.orders.forEach((known, order) => {
    const shorter = before[order - 1], key = order ? shorter * layer.known + token : token;
    places.push(order && shorter === undefined ? undefined : known.get(key));
    if (order && places[order] !== undefined) numbers.push(first + places[order]);
    if (order) first += known.size;
  });
  return {places, numbers};
}

// The network of a classifier: each chunk of words is walked by itself, forwards and backwards; over all words of the text outputs are
// pooled by their maximum and by their sum over the root of the number of words, to which each run of words adds a number of its own.
function chunked(layer, rows, tokens) {
  const units = layer.halves[0].units, outputs = layer.bias.columns, ofRuns = new Float64Array(outputs);
  const kept = [[], []], running = [], high = new Float64Array(2 * units).fill(-10), sum = new Float64Array(2 * units);
  let before = [];
  layer.walked ??= new Map();
  for (let first = 0; first < rows.length; first += layer.size) {
    const own = tokens.slice(first, first + layer.size), name = own.join();
    // What was walked before need not be walked again: an edit changes one chunk.
    if (!layer.walked.has(name)) layer.walked.set(name, ofChunk(layer, rows.slice(first, first + layer.size)));
    const {walked, after} = layer.walked.get(name);
    walked.forEach((steps, k) => kept[k].push(...steps));
    own.forEach((token, k) => {
      const t = first + k, root = Math.sqrt(t + 1);
      const ending = runsThatEnd(layer, before, token);
      for (const number of ending.numbers) for (let j = 0; j < outputs; j++) ofRuns[j] += layer.runs.data[number * outputs + j];
      before = ending.places;
      const pooled = [...after[k].high.map((v, j) => Math.max(v, high[j])), ...after[k].sum.map((v, j) => (v + sum[j]) / root)];
      running.push(activations[layer.activation](product(pooled, layer.kernel, layer.bias).map((v, j) => v + ofRuns[j] / root)));
    });
    after.at(-1).high.forEach((v, j) => { high[j] = Math.max(v, high[j]); });
    after.at(-1).sum.forEach((v, j) => { sum[j] += v; });
  }
  return {outputs: [running.at(-1)], running, kept};
}

// A chunk: all steps of both directions, and its maximum and sum after each word: what ends there has walked backwards from there.
function ofChunk(layer, rows) {
  const [forward, backward] = layer.halves, units = forward.units, lstm = forward.type === "lstm";
  const start = () => Array.from({length: lstm ? 2 : 1}, () => new Float64Array(units));
  const named = ({gates, states: [h, c]}) => ({...gates, h, ...(lstm ? {c} : {})});
  const inputs = layer.halves.map(half => rows.map(read => product(read, half.kernel, half.bias)));
  const pool = (high, sum, h, from) => h.forEach((v, j) => { high[from + j] = Math.max(high[from + j], v); sum[from + j] += v; });
  const high = new Float64Array(2 * units).fill(-10), sum = new Float64Array(2 * units), ahead = [];
  let states = start(), back = [];
  const after = rows.map((_, t) => {
    const step = cells[forward.type](inputs[0][t], states, forward);
    states = step.states;
    ahead.push(named(step));
    pool(high, sum, states[0], 0);
    const found = {high: Float64Array.from(high), sum: Float64Array.from(sum)};
    let other = start();
    back = [];
    for (let k = t; k >= 0; k--) {
      const step = cells[backward.type](inputs[1][k], other, backward);
      other = step.states;
      back.push(named(step));
      pool(found.high, found.sum, other[0], units);
    }
    return found;
  });
  return {walked: [ahead, back.reverse()], after};
}

// Run a network on tokens, or on rows of values. Returns the rows that come out, gates and states of every recurrent layer, and what
// the network says after each step of its last recurrent layer: null where that would be another run for each.
function run(network, sequence) {
  const kept = [];
  let rows = sequence, real = null, running = null, forward = true;
  network.forEach((layer, place) => {
    if (layer.type === "embedding") {
      if (layer.masks) real = sequence.map(token => token !== 0);
      rows = sequence.map(token => row(layer.vectors, layer.place.get(token)));
    } else if (layer.type === "chunks") {
      const found = chunked(layer, rows, sequence);
      kept.push(...found.kept);
      ({outputs: rows, running} = found);
    } else if (layer.type === "both") {
      forward = false;
      const [one, other] = layer.halves.map(half => walk(half, rows, real, kept));
      const merge = merges[layer.merge];
      rows = layer.sequences ? one.outputs.map((h, t) => merge(h, other.outputs[rows.length - 1 - t])) : [merge(one.last, other.last)];
    } else if (layer.type in cells) {
      forward = forward && !layer.backwards;
      const {outputs, last} = walk(layer, rows, real, kept);
      if (forward && !layer.sequences) running = network.slice(place + 1).reduce((found, next) => kinds[next.type](next, found, null), outputs);
      rows = layer.sequences ? outputs : [last];
    } else {
      rows = kinds[layer.type](layer, rows, real);
    }
  });
  return {outputs: rows, kept, running: running ?? (forward && rows.length > 1 ? rows : null)};
}

const row = (matrix, place) => Array.from(matrix.data.subarray(place * matrix.columns, (place + 1) * matrix.columns));

// Rising whole numbers of their differences, each in as many bytes of seven bits as it takes, the lowest first.
function sums(text) {
  const found = [];
  let sum = 0, part = 0, scale = 1;
  for (const letter of atob(text)) {
    const code = letter.charCodeAt(0);
    part += (code & 127) * scale;
    scale *= 128;
    if (code < 128) {
      found.push(sum += part);
      part = 0;
      scale = 1;
    }
  }
  return found;
}

// A network as it comes in the page, with its arrays decoded.
function unpacked(network) {
  return network.map(layer => {
    const open = {...layer};
    for (const [name, value] of Object.entries(layer)) if (value?.floats !== undefined) open[name] = matrix(value);
    if (layer.rows) open.place = new Map(layer.rows.map((token, place) => [token, place]));
    if (layer.halves) open.halves = unpacked(layer.halves);
    if (layer.orders) open.orders = layer.orders.map(({varints}) => new Map(sums(varints).map((key, place) => [key, place])));
    return open;
  });
}

// Numbers come as the upper three of their four bytes.
const matrix = ({floats, columns}) => {
  const upper = bytes(floats), all = new Uint8Array(upper.length / 3 * 4);
  for (let i = 0, k = 0; i < upper.length; i += 3, k += 4) all.set(upper.subarray(i, i + 3), k + 1);
  const data = new Float32Array(all.buffer);
  return {data, columns, rows: data.length / columns};
};

function bytes(text) {
  const raw = atob(text), found = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) found[i] = raw.charCodeAt(i);
  return found;
}
