/** From logits to characters: NumPy's random numbers, so that a seed means what it means there. */

const MASK_32 = 0xffffffffn;
const MASK_64 = (1n << 64n) - 1n;
const MASK_128 = (1n << 128n) - 1n;

/** NumPy's SeedSequence: `count` words of 32 bits made of some whole numbers. */
function seedWords(numbers, count) {
  const entropy = [];
  for (const number of numbers) {
    let rest = BigInt(number);
    do {
      entropy.push(Number(rest & MASK_32));
      rest >>= 32n;
    } while (rest > 0n);
  }
  let constant = 0x43b0d7e5;
  const hashed = (value) => {
    let word = (value ^ constant) >>> 0;
    constant = Math.imul(constant, 0x931e8875) >>> 0;
    word = Math.imul(word, constant) >>> 0;
    return (word ^ (word >>> 16)) >>> 0;
  };
  const mixed = (one, other) => {
    const word = (Math.imul(0xca01f9dd, one) - Math.imul(0x4973f715, other)) >>> 0;
    return (word ^ (word >>> 16)) >>> 0;
  };
  const pool = [0, 1, 2, 3].map((place) => hashed(entropy[place] ?? 0));
  for (let from = 0; from < 4; from += 1) {
    for (let to = 0; to < 4; to += 1) {
      if (from !== to) pool[to] = mixed(pool[to], hashed(pool[from]));
    }
  }
  for (const word of entropy.slice(4)) {
    for (let to = 0; to < 4; to += 1) pool[to] = mixed(pool[to], hashed(word));
  }
  constant = 0x8b51f9dd;
  return Array.from({ length: count }, (_, place) => {
    let word = (pool[place % 4] ^ constant) >>> 0;
    constant = Math.imul(constant, 0x58f38ded) >>> 0;
    word = Math.imul(word, constant) >>> 0;
    return (word ^ (word >>> 16)) >>> 0;
  });
}

/** NumPy's PCG64 (O'Neill 2014), as Generator.random gives its numbers. */
class Pcg64 {
  constructor(numbers) {
    const words = seedWords(numbers, 8).map(BigInt);
    const [high, low, highStream, lowStream] = [0, 2, 4, 6].map((at) => words[at] | (words[at + 1] << 32n));
    this.increment = ((((highStream << 64n) | lowStream) << 1n) | 1n) & MASK_128;
    this.state = 0n;
    this.advance();
    this.state = (this.state + ((high << 64n) | low)) & MASK_128;
    this.advance();
  }

  advance() {
    this.state = (this.state * 0x2360ed051fc65da44385df649fccf645n + this.increment) & MASK_128;
  }

  /** A number in [0, 1). */
  random() {
    this.advance();
    const turn = this.state >> 122n;
    const word = (this.state >> 64n) ^ (this.state & MASK_64);
    const turned = ((word >> turn) | (word << (64n - turn))) & MASK_64;
    return Number(turned >> 11n) * 2 ** -53;
  }
}

/** What a vocabulary knows of text: ids of it, text of ids, and what may come next. */
class Vocabulary {
  constructor(about) {
    this.isBytes = about.vocabulary.kind === "bytes";
    this.symbols = about.vocabulary.symbols;
    this.ids = new Map(this.symbols.map((symbol, id) => [symbol, id]));
    this.unknown = this.isBytes ? -1 : this.symbols.length;
    this.end = about.vocabulary.end ? about.network.vocabulary - 1 : -1;
    this.standIns = about.stand_ins;
  }

  /** A text as ids; what the model never saw is replaced by what stands in for it. */
  encode(text) {
    if (this.isBytes) return [...new TextEncoder().encode(text)];
    return [...text].flatMap((character) => {
      const id = this.ids.get(character.codePointAt(0));
      return id === undefined ? this.standIn(character) : [id];
    });
  }

  standIn(character) {
    const swapped = (text) => (text === text.toLowerCase() ? text.toUpperCase() : text.toLowerCase());
    const plain = character.normalize("NFD").replace(/\p{M}/gu, "");
    const candidates = [
      this.standIns[character] ?? "",
      swapped(character),
      character.normalize("NFKC"),
      character.normalize("NFC"),
      plain,
      swapped(plain),
    ];
    for (const candidate of candidates) {
      const ids = [...candidate].map((one) => this.ids.get(one.codePointAt(0)));
      if (ids.length && !ids.includes(undefined)) return ids;
    }
    return [this.unknown];
  }

  /** Whether an id may be written behind the bytes of an unfinished character. */
  mayFollow(bytes, id) {
    if (id === this.unknown) return false;
    if (!this.isBytes) return true;
    if (!bytes.length) return id < 0x80 || (id >= 0xc2 && id <= 0xf4) || id > 0xff;
    const narrow = { 0xe0: [0xa0, 0xbf], 0xed: [0x80, 0x9f], 0xf0: [0x90, 0xbf], 0xf4: [0x80, 0x8f] };
    const [first, last] = (bytes.length === 1 && narrow[bytes[0]]) || [0x80, 0xbf];
    return id >= first && id <= last;
  }

  /** Adds an id to an unfinished character; the character, if it is whole now. */
  add(bytes, id) {
    if (!this.isBytes) return String.fromCodePoint(this.symbols[id]);
    bytes.push(id);
    const [first] = bytes;
    if (bytes.length < 1 + (first >= 0xc2) + (first >= 0xe0) + (first >= 0xf0)) return "";
    return new TextDecoder().decode(new Uint8Array(bytes.splice(0)));
  }
}

/** The probabilities that the next id is drawn by. */
function probabilities(logits, allowed, temperature, topP) {
  let top = -Infinity;
  logits.forEach((logit, id) => {
    if (allowed(id) && logit > top) top = logit;
  });
  const p = Float64Array.from(logits, (logit, id) => {
    if (!allowed(id)) return 0;
    if (temperature === 0) return 0;
    return Math.exp(Math.max((logit - top) / temperature, -1e4));
  });
  if (temperature === 0) p[logits.findIndex((logit, id) => allowed(id) && logit === top)] = 1;
  scale(p);
  if (topP < 1) {
    const order = [...p.keys()].sort((one, other) => p[other] - p[one] || one - other);
    let before = 0;
    order.forEach((id, rank) => {
      const share = p[id];
      if (before >= topP && rank) p[id] = 0;
      before += share;
    });
    scale(p);
  }
  return p;
}

function scale(p) {
  const sum = p.reduce((one, other) => one + other, 0);
  p.forEach((share, id) => {
    p[id] = share / sum;
  });
}

/** The id at which the cumulative distribution passes a number in [0, 1). */
function drawn(p, chance) {
  let whole = 0;
  for (const share of p) whole += share;
  let sum = 0;
  for (let id = 0; id < p.length; id += 1) {
    sum += p[id];
    if (sum > chance * whole) return id;
  }
  return p.length - 1;
}

/**
 * Writes character by character.
 * @yields {{text: string, probability: number, others: [string, number][]}}
 */
function* write(model, vocabulary, { prompt, length, temperature, topP, seed }) {
  const random = new Pcg64([seed, 0]);
  let [state, logits] = model.read(vocabulary.encode(prompt));
  const bytes = [];
  let probability = 1;
  let others = [];
  for (let count = 0; count < length; ) {
    const allowed = (id) => vocabulary.mayFollow(bytes, id);
    const plain = probabilities(logits, allowed, 1, 1);
    const id = drawn(probabilities(logits, allowed, temperature, topP), random.random());
    if (id === vocabulary.end) return;
    if (!bytes.length) {
      probability = 1;
      others = likeliest(plain, 6).map(([one, p]) => [shownId(vocabulary, one), p]);
    }
    probability *= plain[id];
    const text = vocabulary.add(bytes, id);
    if (text) {
      yield { text, probability, others };
      count += 1;
    }
    logits = model.step(id, state);
  }
}

function likeliest(p, count) {
  const order = [...p.keys()].sort((one, other) => p[other] - p[one] || one - other);
  return order.slice(0, count).filter((id) => p[id] > 0).map((id) => [id, p[id]]);
}

function shownId(vocabulary, id) {
  if (id === vocabulary.end) return "(end)";
  if (vocabulary.isBytes && id > 0x7f) return "…";
  return String.fromCodePoint(vocabulary.symbols[id]);
}

const LONGEST = 12; // characters of a piece

/** The five likeliest pieces to go on with, each up to a word's end. */
function suggestions(model, vocabulary, text) {
  const [state, logits] = model.read(vocabulary.encode(text));
  const first = probabilities(logits, (id) => id !== vocabulary.end && vocabulary.mayFollow([], id), 1, 1);
  return likeliest(first, 5).map(([start, share]) => {
    const copy = state.map(([h, c]) => [h.slice(), c.slice()]);
    const bytes = [];
    let id = start;
    let probability = share;
    let piece = vocabulary.add(bytes, id);
    for (let turn = 0; turn < 4 * LONGEST; turn += 1) {
      const blank = /\s$/u.test(piece);
      if (!bytes.length && ([...piece].length >= LONGEST || (blank && piece.length > 1) || piece === "\n")) break;
      const allowed = (one) => one !== vocabulary.end && vocabulary.mayFollow(bytes, one);
      const p = probabilities(model.step(id, copy), allowed, 1, 1);
      [[id]] = likeliest(p, 1);
      probability *= p[id];
      piece += vocabulary.add(bytes, id);
    }
    return { text: piece, probability };
  });
}
