/** The settings of writing, as sliders that say what they do. */

import { button, el, field, newId } from "./dom.js";
import { labelChoice } from "./models.js";

/** By name: label, least, most, step, value, the value that means "off", and what it does. */
const SLIDERS = {
  temperature: ["Temperature", 0, 2, 0.05, 0.8, null, "Lower is safer, higher is bolder."],
  length: ["Length", 50, 3000, 50, 500, null, "Characters to write, at most."],
  top_p: ["Top-p", 0.05, 1, 0.01, 1, 1, "Only the likeliest characters, that together are this likely."],
  top_k: ["Top-k", 0, 40, 1, 0, 0, "Only so many of the likeliest characters."],
  min_p: ["Min-p", 0, 0.5, 0.01, 0, 0, "Nothing that is less likely than this share of the likeliest."],
  max_copy: ["Longest copy", 3, 120, 1, 3, 3, "At most so many characters in a row as they stand in its text."],
};
const FIRST = ["temperature", "length"]; // the others are for those who look for them

export class Settings {
  /** The form, to be put somewhere. */
  element;

  #inputs = {};

  #used = null; // the seed of the last text

  /**
   * @param {string[]} labels the model's
   * @param {boolean} remembers whether it keeps its text, so that copies can be limited
   */
  constructor(labels, remembers) {
    const names = Object.keys(SLIDERS).filter((name) => remembers || name !== "max_copy");
    const make = (name) => this.#slider(name, ...SLIDERS[name]);
    this.label = labelChoice(labels);
    this.seed = el("input", { type: "number", min: 0, step: 1, placeholder: "a new one each time" });
    this.last = el("span", { class: "help" });
    this.keep = button("Use it again", () => {
      this.seed.value = this.#used;
    }, { class: "quiet", hidden: true });
    this.element = el(
      "fieldset",
      { class: "settings" },
      el("legend", {}, "How it writes"),
      this.label ? field("In the manner of", this.label) : null,
      names.filter((name) => FIRST.includes(name)).map(make),
      el(
        "details",
        {},
        el("summary", {}, "More settings"),
        names.filter((name) => !FIRST.includes(name)).map(make),
        field("Seed", this.seed, "The same seed and settings write the same text."),
        el("p", { class: "seed-line" }, this.last, " ", this.keep),
      ),
    );
  }

  /** The settings as the studio takes them; what is off is null. */
  get values() {
    const values = { seed: this.seed.value === "" ? null : Number(this.seed.value), label: this.chosenLabel };
    for (const [name, input] of Object.entries(this.#inputs)) {
      const off = SLIDERS[name][5];
      values[name] = Number(input.value) === off ? null : Number(input.value);
    }
    return values;
  }

  get chosenLabel() {
    return this.label?.value || null;
  }

  /** Says with which seed a text was written. */
  wrote(seed) {
    this.#used = seed;
    this.last.textContent = `The last text had the seed ${seed}.`;
    this.keep.hidden = false;
  }

  #slider(name, title, least, most, step, value, off, help) {
    const input = el("input", { type: "range", min: least, max: most, step, value, id: newId("slider") });
    // Not an <output>: readers hear the slider itself, and would hear it twice.
    const output = el("span", { class: "value", "aria-hidden": "true" });
    const show = () => {
      const text = Number(input.value) === off ? "off" : String(Number(input.value));
      output.textContent = text;
      input.setAttribute("aria-valuetext", text);
    };
    input.addEventListener("input", show);
    show();
    this.#inputs[name] = input;
    const control = field(title, input, help);
    control.querySelector("label").append(" ", output);
    return control;
  }
}
