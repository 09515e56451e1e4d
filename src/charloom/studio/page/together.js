/** Write with me: the model offers the five likeliest pieces, the person takes one or types. */

import { post } from "./api.js";
import { button, el, field, newId, shown } from "./dom.js";
import { percent, visible } from "./format.js";
import { tell, trying } from "./notes.js";

const OFFERS = 5;
const PAUSE = 200; // milliseconds without a key before new pieces are asked for
const MOST_UNDONE = 500;

/**
 * @param {object} run the model's
 * @param {import("./sliders.js").Settings} settings whose label is used
 * @param {{together: string}} kept holds the text while other views are shown
 */
export function togetherPanel(run, settings, kept) {
  const text = el("textarea", { rows: 9, class: "written", value: kept.together });
  const past = []; // the texts before each piece and each word
  const offers = [];
  let asked = 0; // counts the questions: a late answer to an old one is dropped
  let waiting = null;
  let before = kept.together; // the text before what was typed last
  let typing = false; // whether a word is being typed

  const change = (value) => {
    past.push(text.value);
    past.splice(0, past.length - MOST_UNDONE);
    set(value);
  };
  const set = (value) => {
    text.value = value;
    before = value;
    typing = false;
    kept.together = value;
    text.setSelectionRange(value.length, value.length);
    text.scrollTop = text.scrollHeight;
    undo.setAttribute("aria-disabled", past.length ? "false" : "true");
    ask();
  };
  // What was offered for another text is not taken for this one.
  const busy = (is) => list.setAttribute("aria-busy", String(is));
  const takeOffer = (number) => {
    const offer = offers[number];
    if (!offer || list.getAttribute("aria-busy") === "true") return;
    change(text.value + offer.text);
    tell(visible(offer.text));
  };
  const stepBack = () => {
    if (past.length) set(past.pop());
  };

  const buttons = Array.from({ length: OFFERS }, (_, number) =>
    el("button", { type: "button", class: "offer", hidden: true, on: { click: () => takeOffer(number) } }),
  );
  const list = el(
    "ol",
    { class: "offers plain", "aria-label": "The likeliest next pieces" },
    buttons.map((one) => el("li", {}, one)),
  );
  const digits = el("input", { type: "checkbox", checked: true, id: newId("digits") });
  const undo = el("button", { type: "button", "aria-disabled": "true", on: { click: stepBack } }, "Undo");
  const copy = button("Copy the text", () => trying(() => navigator.clipboard.writeText(text.value)));

  const ask = async () => {
    clearTimeout(waiting);
    asked += 1;
    busy(true);
    const question = asked;
    const data = { text: text.value, label: settings.chosenLabel };
    const found = await trying(() => post(`/models/${run.id}/suggest`, data));
    if (question !== asked) return;
    busy(false);
    offers.splice(0, OFFERS, ...(found ?? []));
    buttons.forEach((one, number) => {
      const offer = offers[number];
      shown(one, Boolean(offer));
      if (!offer) return;
      one.replaceChildren(
        el("kbd", {}, String(number + 1)),
        el("span", { class: "piece written" }, visible(offer.text)),
        el("span", { class: "share" }, percent(offer.probability)),
      );
    });
  };

  text.addEventListener("input", () => {
    // One step back for each word, not for each letter.
    if (!typing || text.value.length < before.length) past.push(before);
    typing = !/\s$/.test(text.value);
    before = text.value;
    kept.together = text.value;
    undo.setAttribute("aria-disabled", "false");
    busy(true);
    clearTimeout(waiting);
    waiting = setTimeout(ask, PAUSE);
  });
  const element = el(
    "div",
    {},
    field("Your text", text, "Type, and take a piece where you like one. Pieces come after the end of the text."),
    list,
    el(
      "div",
      { class: "row" },
      undo,
      copy,
      el("span", { class: "check" }, digits, el("label", { for: digits.id }, "Keys 1 to 5 take a piece, also while typing")),
    ),
  );
  element.addEventListener("keydown", (event) => {
    if (event.isComposing || event.altKey) return;
    const control = event.ctrlKey || event.metaKey;
    if (control && !event.shiftKey && event.key.toLowerCase() === "z") stepBack();
    else if (!control && digits.checked && /^[1-5]$/.test(event.key)) takeOffer(Number(event.key) - 1);
    else return;
    event.preventDefault();
  });
  settings.label?.addEventListener("change", ask);
  return { element, begin: ask };
}
