/** The network: ids in, logits out, the state carried. As charloom.writing.Engine has it. */

/** Half-precision numbers as single-precision ones. */
function widened(halves) {
  const singles = new Float32Array(65536);
  const bits = new Uint32Array(singles.buffer);
  for (let half = 0; half < 65536; half += 1) {
    const sign = (half & 0x8000) << 16;
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    if (exponent === 0) singles[half] = (sign ? -1 : 1) * fraction * 2 ** -24;
    else bits[half] = sign | ((exponent === 31 ? 255 : exponent + 112) << 23) | (fraction << 13);
  }
  return Float32Array.from(halves, (half) => singles[half]);
}

/** What a base64 text stands for, as half-precision numbers. */
function halvesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
  return new Uint16Array(bytes.buffer);
}

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

class Model {
  /**
   * @param {object} about the network's sizes, the vocabulary and the opening
   * @param {string} base64 all tensors, half precision, in the order of `about.tensors`
   */
  constructor(about, base64) {
    const all = widened(halvesOf(base64));
    const tensors = {};
    let at = 0;
    for (const [name, shape] of about.tensors) {
      const size = shape.reduce((one, other) => one * other, 1);
      tensors[name] = all.subarray(at, at + size);
      at += size;
    }
    const { units, layers, vocabulary: size, embedding } = about.network;
    Object.assign(this, { about, units, size });
    const matrices = [{ rows: units, columns: size, values: tensors["dense.kernel"] }];
    this.biases = [];
    for (let layer = 0; layer < layers; layer += 1) {
      const [inputs, columns] = [layer ? units : embedding, 4 * units];
      matrices.push({ rows: inputs, columns, values: tensors[`lstm_${layer}.kernel`] });
      matrices.push({ rows: units, columns, values: tensors[`lstm_${layer}.recurrent_kernel`] });
      this.biases.push(tensors[`lstm_${layer}.bias`]);
    }
    this.products = new Products(matrices);
    this.denseBias = tensors["dense.bias"];
    // What the first layer makes of each id: one row for each.
    this.table = Array.from({ length: size }, (_, id) => {
      const row = tensors["embedding.embeddings"].slice(id * embedding, (id + 1) * embedding);
      const gates = Float32Array.from(this.biases[0]);
      this.products.add(1, row, gates);
      return gates;
    });
    this.gates = new Float32Array(4 * units);
  }

  /** Nothing read: h and c for each layer. */
  initialState() {
    return this.biases.map(() => [new Float32Array(this.units), new Float32Array(this.units)]);
  }

  /** Reads one id; `state` is changed in place. The logits of the next id. */
  step(id, state) {
    const { units, gates } = this;
    let below = null;
    state.forEach(([h, c], number) => {
      gates.set(number ? this.biases[number] : this.table[id]);
      if (number) this.products.add(1 + 2 * number, below, gates);
      this.products.add(2 + 2 * number, h, gates);
      for (let unit = 0; unit < units; unit += 1) {
        const cell =
          sigmoid(gates[units + unit]) * c[unit] +
          sigmoid(gates[unit]) * Math.tanh(gates[2 * units + unit]);
        c[unit] = cell;
        h[unit] = sigmoid(gates[3 * units + unit]) * Math.tanh(cell);
      }
      below = h;
    });
    const logits = Float32Array.from(this.denseBias);
    this.products.add(0, below, logits);
    return logits;
  }

  /** The state after some ids, behind the opening, and the logits of what comes next. */
  read(ids) {
    const state = this.initialState();
    let logits = Float32Array.from(this.denseBias);
    for (const id of [...this.about.opening, ...ids]) logits = this.step(id, state);
    return [state, logits];
  }
}
