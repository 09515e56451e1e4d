/**
 * A text of which every character has a shade, and something to say when it is pointed at or
 * reached with the arrow keys.
 */

import { el, newId } from "./dom.js";

const STEPS = {
  ArrowRight: 1,
  ArrowLeft: -1,
};

export class ShadedText {
  /** The text, to be put somewhere. */
  element;

  #at = -1;

  /**
   * @param {string} name what the text is called
   * @param {(index: number, byKeyboard: boolean) => void} point told which character is meant
   */
  constructor(name, point) {
    this.point = point;
    const help = newId("keys");
    this.element = el(
      "div",
      { class: "shaded-box" },
      (this.text = el("div", {
        class: "shaded",
        tabIndex: 0,
        role: "group",
        "aria-label": name,
        "aria-describedby": help,
      })),
      el("p", { class: "unseen", id: help }, "The arrow keys go from character to character."),
    );
    this.text.addEventListener("pointerover", (event) => this.#hover(event));
    this.text.addEventListener("click", (event) => this.#hover(event));
    this.text.addEventListener("keydown", (event) => this.#press(event));
  }

  /** How many characters there are. */
  get length() {
    return this.text.childElementCount;
  }

  /** Begins anew, with nothing. */
  clear() {
    this.text.replaceChildren();
    this.#at = -1;
  }

  /**
   * Adds characters.
   * @param {{text: string, shade: string}[]} characters
   */
  append(characters) {
    const rows = document.createDocumentFragment();
    for (const { text, shade } of characters) {
      const one = document.createElement("span");
      one.textContent = text;
      if (text === "\n") one.className = "newline";
      if (shade) one.dataset.shade = shade;
      rows.append(one);
    }
    this.text.append(rows);
  }

  /** Gives all characters other shades. */
  shade(shades) {
    [...this.text.children].forEach((one, index) => {
      if (shades[index]) one.dataset.shade = shades[index];
      else delete one.dataset.shade;
    });
  }

  /** Marks a stretch, and brings it into view. */
  mark(start, length) {
    const all = [...this.text.children];
    all.forEach((one, index) => {
      one.classList.toggle("marked", index >= start && index < start + length);
    });
    all[start]?.scrollIntoView({ block: "center" });
    this.#go(start, false);
  }

  #hover(event) {
    const one = event.target;
    if (one.parentElement !== this.text) return;
    this.#go([...this.text.children].indexOf(one), false);
  }

  #press(event) {
    const last = this.length - 1;
    if (last < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    let to = null;
    if (event.key in STEPS) to = this.#at + STEPS[event.key];
    if (event.key === "Home") to = 0;
    if (event.key === "End") to = last;
    if (event.key === "ArrowDown") to = this.#line(1);
    if (event.key === "ArrowUp") to = this.#line(-1);
    if (to === null) return;
    event.preventDefault();
    this.#go(Math.min(last, Math.max(0, to)), true);
    this.text.children[this.#at].scrollIntoView({ block: "nearest" });
  }

  /** The character above or below the current one. */
  #line(way) {
    const all = [...this.text.children];
    const here = all[Math.max(0, this.#at)].getBoundingClientRect();
    let best = this.#at;
    let line = null;
    let distance = Infinity;
    for (let index = this.#at + way; index >= 0 && index < all.length; index += way) {
      const there = all[index].getBoundingClientRect();
      if (Math.abs(there.top - here.top) < here.height / 2) continue;
      line ??= there.top;
      if (Math.abs(there.top - line) > here.height / 2) break;
      if (Math.abs(there.left - here.left) < distance) {
        distance = Math.abs(there.left - here.left);
        best = index;
      }
    }
    return best;
  }

  #go(index, byKeyboard) {
    this.text.children[this.#at]?.classList.remove("here");
    this.#at = index;
    this.text.children[index]?.classList.add("here");
    this.point(index, byKeyboard);
  }
}

const SURE = [0.8, 0.5, 0.25, 0.1, 0.03];
const BITS = [1, 2, 4, 6, 9];

/** The shade of a character by its probability: "" where it was sure to come, to "s5". */
export function byProbability(p) {
  const level = SURE.filter((least) => p < least).length;
  return level ? `s${level}` : "";
}

/** The shade of a character by its surprise in bits. */
export function bySurprise(bits) {
  const level = BITS.filter((least) => bits >= least).length;
  return level ? `s${level}` : "";
}

/** The shade of a unit's value from -1 to 1: red to blue, "r5" to "b5". */
export function byUnit(value) {
  const level = Math.min(5, Math.round(Math.abs(value) * 5));
  if (!level) return "";
  return `${value < 0 ? "r" : "b"}${level}`;
}
