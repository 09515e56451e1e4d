/** Products of vectors and matrices, four numbers at once where the browser has WebAssembly's SIMD. */

/**
 * A WebAssembly module of one function, (vector, matrix, sums, bytes, columns): adds to each of
 * `sums` the product of the vector with one row of the matrix; all are places in memory, `bytes`
 * is the length of a row and a multiple of 16, and the number of columns one of 4. Made here, as
 * it is short (https://webassembly.github.io/spec/core/binary).
 */
function lanesModule(pages) {
  const leb = (number) => {
    const bytes = [];
    let rest = number;
    do {
      bytes.push((rest & 127) | (rest > 127 ? 128 : 0));
      rest >>>= 7;
    } while (rest);
    return bytes;
  };
  const section = (id, ...content) => [id, ...leb(content.length), ...content];
  const [vector, matrix, sums, bytes, columns, at] = [0, 1, 2, 3, 4, 5];
  const totals = [6, 7, 8, 9]; // of four columns
  const piece = 10;
  const get = (local) => [0x20, local];
  const set = (local) => [0x21, local];
  const whole = (number) => [0x41, ...leb(number)];
  const add = 0x6a;
  const load = [0xfd, 0x00, 0, 0];
  const code = [
    ...[0x03, 0x40], // for every four columns
    ...totals.flatMap((total) => [0x43, 0, 0, 0, 0, 0xfd, 0x13, ...set(total)]),
    ...[...whole(0), ...set(at)],
    ...[0x03, 0x40], // for every four numbers of the vector
    ...[...get(vector), ...get(at), add, ...load, ...set(piece)],
    ...totals.flatMap((total, place) => [
      ...[...get(matrix), ...get(at), add],
      ...Array.from({ length: place }, () => [...get(bytes), add]).flat(),
      ...[...load, ...get(piece), 0xfd, 0xe6, 0x01, ...get(total), 0xfd, 0xe4, 0x01, ...set(total)],
    ]),
    ...[...get(at), ...whole(16), add, 0x22, at, ...get(bytes), 0x48, 0x0d, 0, 0x0b],
    ...totals.flatMap((total, place) => [
      ...[...get(sums), ...get(sums), 0x2a, 2, 4 * place],
      ...[0, 1, 2, 3].flatMap((lane) => [...get(total), 0xfd, 0x1f, lane, 0x92]),
      ...[0x38, 2, 4 * place],
    ]),
    ...[...get(matrix), ...get(bytes), ...whole(2), 0x74, add, ...set(matrix)],
    ...[...get(sums), ...whole(16), add, ...set(sums)],
    ...[...get(columns), ...whole(4), 0x6b, 0x22, columns, ...whole(0), 0x4a, 0x0d, 0, 0x0b],
    0x0b,
  ];
  const body = [2, 1, 0x7f, 5, 0x7b, ...code];
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, 1, 0x60, 5, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0),
    ...section(2, 1, 1, 0x61, 1, 0x6d, 2, 0, ...leb(pages)),
    ...section(3, 1, 0),
    ...section(7, 1, 1, 0x66, 0, 0),
    ...section(10, 1, ...leb(body.length), ...body),
  ]);
}

const PAGE = 65536; // bytes of WebAssembly's memory
const four = (number) => Math.ceil(number / 4) * 4;

/** Matrices that vectors are multiplied by. */
class Products {
  /** @param {{rows: number, columns: number, values: Float32Array}[]} matrices row by row */
  constructor(matrices) {
    const widest = Math.max(...matrices.map(({ rows }) => four(rows)));
    const most = Math.max(...matrices.map(({ columns }) => four(columns)));
    let end = 4 * (widest + most);
    this.matrices = matrices.map(({ rows, columns, values }) => {
      const start = end;
      end += 4 * four(rows) * four(columns);
      return { rows, columns, values, start };
    });
    this.run = this.lanes(Math.ceil(end / PAGE));
    const memory = this.run ? this.memory.buffer : new ArrayBuffer(end);
    this.vector = new Float32Array(memory, 0, widest);
    this.sums = new Float32Array(memory, 4 * widest, most);
    // One row for each column, filled up with zeros.
    for (const one of this.matrices) {
      const width = four(one.rows);
      one.turned = new Float32Array(memory, one.start, width * four(one.columns));
      for (let row = 0; row < one.rows; row += 1) {
        for (let column = 0; column < one.columns; column += 1) {
          one.turned[column * width + row] = one.values[row * one.columns + column];
        }
      }
      delete one.values;
    }
  }

  /** The function in WebAssembly; null where the browser has none. */
  lanes(pages) {
    try {
      this.memory = new WebAssembly.Memory({ initial: pages });
      const module = new WebAssembly.Module(lanesModule(pages));
      return new WebAssembly.Instance(module, { a: { m: this.memory } }).exports.f;
    } catch {
      return null;
    }
  }

  /** Adds a vector times a matrix, by its number, to `sums`. */
  add(number, vector, sums) {
    const { rows, columns, turned, start } = this.matrices[number];
    this.vector.fill(0).set(vector);
    this.sums.set(sums);
    if (this.run) this.run(0, start, this.sums.byteOffset, 4 * four(rows), four(columns));
    else addPlainly(this.vector, four(rows), turned, this.sums, four(columns));
    sums.set(this.sums.subarray(0, columns));
  }
}

/** The same in plain numbers, four columns at a time: their sums do not wait for each other. */
function addPlainly(vector, width, turned, sums, columns) {
  for (let column = 0; column < columns; column += 4) {
    const first = column * width;
    const second = first + width;
    const third = second + width;
    const fourth = third + width;
    let [a, b, c, d] = [0, 0, 0, 0];
    for (let row = 0; row < width; row += 1) {
      const value = vector[row];
      a += value * turned[first + row];
      b += value * turned[second + row];
      c += value * turned[third + row];
      d += value * turned[fourth + row];
    }
    sums[column] += a;
    sums[column + 1] += b;
    sums[column + 2] += c;
    sums[column + 3] += d;
  }
}
