/** Look inside: what single units hold over a text, and how surprising each character was. */

import { get, post } from "./api.js";
import { button, el, field, newId } from "./dom.js";
import { bits, count, named } from "./format.js";
import { modelHead } from "./models.js";
import { dismissAll, tell, trying } from "./notes.js";
import { ShadedText, bySurprise, byUnit } from "./shaded.js";
import { lastWritten } from "./write.js";

/** Shows the view; returns what to call when it is left. */
export function showInside(place, run) {
  const text = el("textarea", { rows: 5, class: "written" });
  const result = el("div");
  const look = button(
    "Look inside",
    () =>
      trying(async () => {
        dismissAll();
        tell("Reading the text.");
        const found = await post(`/models/${run.id}/inside`, { text: text.value });
        new Result(result, run, found);
      }),
    { class: "primary" },
  );
  const own = button("Some of its own text", async () => {
    text.value = (await trying(() => get(`/models/${run.id}/passage`)))?.text ?? text.value;
  });
  const wrote = button("What it wrote last", () => {
    text.value = lastWritten();
  });
  wrote.hidden = !lastWritten();
  place.replaceChildren(
    modelHead("Look inside", "inside", run),
    el(
      "p",
      { class: "lead" },
      "A model reads character by character, and each of its units holds a number meanwhile. Some of them turn out to follow something that has a name.",
    ),
    field("A text to read", text, "Up to 6,000 characters, best of the kind that the model has learned; some hundreds at least."),
    el("div", { class: "row" }, look, own, wrote),
    result,
  );
  own.click();
}

/** What was found in a text. */
class Result {
  #values = []; // of what is shown, by character

  #asked = 0;

  constructor(place, run, found) {
    this.run = run;
    this.found = found;
    this.characters = [...found.text];
    this.title = el("h3", { tabIndex: -1 });
    this.explained = el("p", { class: "help" });
    this.detail = el("p", { class: "detail" });
    this.text = new ShadedText("The text, shaded", (index, byKeyboard) => this.#point(index, byKeyboard));
    this.text.append(this.characters.map((character) => ({ text: character, shade: "" })));
    this.choices = el("ul", { class: "choices plain" }, this.#choices());
    place.replaceChildren(
      el(
        "div",
        { class: "columns inside" },
        el(
          "div",
          {},
          el("section", { class: "card output" }, this.title, this.explained, this.text.element, this.detail),
          el("h3", {}, "The most surprising passages"),
          el("ol", { class: "passages" }, this.found.worst.map((passage) => this.#passage(passage))),
        ),
        el("aside", { class: "side", "aria-label": "What to show" }, this.#side()),
      ),
    );
    this.#showSurprise();
    this.title.focus();
    if (found.cut) tell("The text is long; its beginning is shown.");
  }

  #side() {
    const number = el("input", { type: "number", min: 0, max: this.found.units - 1, step: 1, value: 0, id: newId("unit") });
    const any = button("Show it", () => this.#showUnit(Number(number.value), 1, null));
    return [
      el("h3", {}, "Show"),
      this.choices,
      this.found.followers.length
        ? null
        : el("p", { class: "help" }, "The text is too short to say which units follow something in it."),
      el("div", { class: "row" }, field(`Any unit, 0 to ${count(this.found.units - 1)}`, number), any),
    ];
  }

  #choices() {
    const choice = (name, note, act) => {
      const one = el("button", { type: "button", "aria-pressed": "false" }, el("span", {}, name), el("span", { class: "share" }, note));
      one.addEventListener("click", () => act(one));
      return el("li", {}, one);
    };
    const followers = this.found.followers.map(({ feature, unit, correlation }) => {
      const note = `unit ${unit}, ${Math.abs(correlation).toFixed(2)}`;
      return choice(feature, note, (one) => this.#showUnit(unit, Math.sign(correlation) || 1, feature, one));
    });
    const surprise = choice("surprise", `${bits(this.found.mean)} bits`, (one) => this.#showSurprise(one));
    return [surprise, ...followers];
  }

  #press(chosen) {
    for (const one of this.choices.querySelectorAll("button")) {
      one.setAttribute("aria-pressed", String(one === chosen));
    }
  }

  #showSurprise(one = this.choices.querySelector("button")) {
    this.#asked += 1;
    this.#press(one);
    this.#values = this.found.bits.map((value) => `${value.toFixed(1)} bits`);
    this.text.shade(this.found.bits.map(bySurprise));
    this.#say("Surprise", "The darker a character, the less the model saw it coming, in bits.");
  }

  async #showUnit(unit, sign, feature, one = null) {
    this.#asked += 1;
    const question = this.#asked;
    const data = { text: this.found.text, unit };
    const values = await trying(() => post(`/models/${this.run.id}/unit`, data));
    if (!values || question !== this.#asked) return;
    this.#press(one);
    this.#values = values.map((value) => `unit ${unit} holds ${value.toFixed(2)}`);
    this.text.shade(values.map((value) => byUnit(sign * value)));
    const follows = feature ? `Unit ${unit} follows: ${feature}` : `Unit ${unit}`;
    const turned = sign < 0 ? " (The unit itself is low there: the colours are turned round.)" : "";
    let explained = "Blue where the unit is high, red where it is low.";
    if (feature) explained = `Blue where it says yes, red where it says no.${turned}`;
    if (feature?.startsWith("place")) explained = `Red at the beginning, blue further on.${turned}`;
    this.#say(follows, explained);
  }

  #say(title, explained) {
    this.title.textContent = title;
    this.explained.textContent = explained;
    this.detail.textContent = "";
    tell(`${title}. ${explained}`);
  }

  #point(index, byKeyboard) {
    if (!(index in this.characters)) return;
    this.detail.textContent = `“${named(this.characters[index])}”: ${this.#values[index]}`;
    if (byKeyboard) tell(this.detail.textContent);
  }

  #passage({ position, text, bits: surprise }) {
    const go = button("", () => this.text.mark(position, [...text].length), { class: "passage" });
    go.append(el("span", { class: "written" }, text.replaceAll("\n", " ⏎ ")), el("span", { class: "share" }, `${surprise.toFixed(1)} bits`));
    return el("li", {}, go);
  }
}
