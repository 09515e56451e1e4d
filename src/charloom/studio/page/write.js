/** Write: the model alone, each character shaded by how sure it was, or a person with it. */

import { get, stream } from "./api.js";
import { bar, button, el, field, newId, shown } from "./dom.js";
import { named, percent } from "./format.js";
import { modelHead } from "./models.js";
import { complain, dismissAll, tell, trying } from "./notes.js";
import { ShadedText, byProbability } from "./shaded.js";
import { Settings } from "./sliders.js";
import { togetherPanel } from "./together.js";

const kept = { prompt: "", written: "", together: "", mode: "alone" }; // while the page is open

/** What was written last, to be looked into. */
export const lastWritten = () => kept.written;

/** Shows the view; returns what to call when it is left. */
export function showWrite(place, run) {
  const panel = el("div");
  place.replaceChildren(modelHead("Write", "write", run), panel);
  let leave = () => {};
  let left = false;
  trying(() => get(`/models/${run.id}`)).then((card) => {
    if (card && !left) leave = modes(panel, run, card);
  });
  return () => {
    left = true;
    leave();
  };
}

function modes(panel, run, card) {
  const settings = new Settings(card.labels, card.memory !== null);
  const alone = alonePanel(run, settings);
  const together = togetherPanel(run, settings, kept);
  const name = newId("mode");
  const choose = (mode) => {
    kept.mode = mode;
    shown(alone.element, mode === "alone");
    shown(together.element, mode === "together");
    shown(alone.side, mode === "alone");
    shown(settings.element, mode === "alone" || card.labels.length > 0);
    if (mode === "together") together.begin();
  };
  const option = (mode, text) => {
    const input = el("input", { type: "radio", name, id: newId("mode"), checked: kept.mode === mode });
    input.addEventListener("change", () => choose(mode));
    return [input, el("label", { for: input.id }, text)];
  };
  panel.replaceChildren(
    el(
      "fieldset",
      { class: "modes" },
      el("legend", { class: "unseen" }, "Who writes"),
      option("alone", "Let it write"),
      option("together", "Write with me"),
    ),
    el(
      "div",
      { class: "columns" },
      el("div", { class: "wide" }, alone.element, together.element),
      el("aside", { class: "side", "aria-label": "Settings and details" }, alone.side, settings.element),
    ),
  );
  choose(kept.mode);
  return alone.leave;
}

/** The model writes by itself. */
function alonePanel(run, settings) {
  const prompt = el("textarea", { rows: 2, class: "written", value: kept.prompt });
  prompt.addEventListener("input", () => {
    kept.prompt = prompt.value;
  });
  const details = detailPanel();
  const written = []; // [character, probability, alternatives]
  const text = new ShadedText("The text that was written, shaded by how sure the model was", (index, byKeyboard) =>
    details.show(written[index], byKeyboard),
  );
  const begun = el("span", { class: "prompt written" });
  const output = el("div", { class: "card output" }, begun, text.element, legend());
  let writing = null;

  const write = (from) =>
    trying(async () => {
      dismissAll();
      writing?.abort();
      writing = new AbortController();
      const { signal } = writing;
      text.clear();
      written.length = 0;
      details.clear();
      begun.textContent = from;
      shown(output, true);
      shown(details.element, true);
      busy(true);
      tell("Writing.");
      try {
        await stream(`/models/${run.id}/write`, { ...settings.values, prompt: from }, take, signal);
        tell(`${written.length} characters are written.`);
      } finally {
        if (writing.signal === signal) {
          busy(false);
          kept.written = from + written.map(([character]) => character).join("");
        }
      }
    });
  const take = (kind, data) => {
    if (kind === "begin") {
      settings.wrote(data.seed);
      sayReplaced(data.replaced);
    }
    if (kind !== "text") return;
    written.push(...data);
    text.append(data.map(([character, p]) => ({ text: character, shade: byProbability(p) })));
  };
  const actions = {
    write: button("Write", () => write(prompt.value), { class: "primary" }),
    stop: button("Stop", () => writing?.abort(), { hidden: true }),
    on: button("Go on from here", () => write(kept.written), { hidden: true }),
    copy: button("Copy the text", () => copy(kept.written), { hidden: true }),
  };
  const busy = (yes) => {
    shown(actions.stop, yes);
    shown(actions.on, !yes && written.length > 0);
    shown(actions.copy, !yes && written.length > 0);
  };
  prompt.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) actions.write.click();
  });
  shown(output, false);
  shown(details.element, false);
  return {
    element: el(
      "div",
      {},
      field("Begin with", prompt, "It goes on from here; leave it empty for a new beginning."),
      el("div", { class: "row" }, Object.values(actions)),
      output,
    ),
    side: el("div", {}, details.element),
    leave: () => {
      writing?.abort();
      details.leave();
    },
  };
}

function sayReplaced(replaced) {
  const parts = Object.entries(replaced).map(([one, as]) => (as ? `“${one}” (read as “${as}”)` : `“${one}”`));
  if (parts.length) complain(new Error(`The model never saw ${parts.join(", ")}; what has no stand-in is read as unknown.`));
}

async function copy(text) {
  await trying(async () => {
    await navigator.clipboard.writeText(text);
    tell("The text is copied.");
  });
}

function legend() {
  const shades = ["", "s1", "s2", "s3", "s4", "s5"].map((shade) => {
    const one = el("span", {}, "a");
    if (shade) one.dataset.shade = shade;
    return one;
  });
  return el(
    "p",
    { class: "scale", "aria-hidden": "true" },
    "sure ",
    el("span", { class: "shaded" }, shades),
    " surprised · point at a character, or use the arrow keys, to see what else might have come",
  );
}

/** What might have come in a character's place. */
function detailPanel() {
  const title = el("h3", {}, "What else might have come");
  const line = el("p", { class: "help" }, "Point at a character of the text.");
  const list = el("ol", { class: "bars" });
  const element = el("section", { class: "card details" }, title, line, list);
  // Where it lies over the page it goes again when something else is touched.
  const close = (event) => {
    if (!element.contains(event.target) && !event.target.closest(".shaded")) element.classList.remove("open");
  };
  document.addEventListener("pointerdown", close);
  const clear = () => {
    element.classList.remove("open");
    list.replaceChildren();
    line.textContent = "Point at a character of the text.";
  };
  const show = (one, byKeyboard) => {
    if (!one) return;
    const [character, p, alternatives] = one;
    element.classList.add("open");
    line.textContent = `“${named(character)}” came, with a probability of ${percent(p)}.`;
    list.replaceChildren(
      ...alternatives.map(([text, q]) =>
        el(
          "li",
          { class: text === character ? "chosen" : "" },
          el("span", { class: "character" }, named(text)),
          bar(q),
          el("span", { class: "share" }, percent(q)),
        ),
      ),
    );
    if (byKeyboard) tell(`${line.textContent} ${alternatives.map(([text, q]) => `${named(text)} ${percent(q)}`).join(", ")}`);
  };
  return { element, show, clear, leave: () => document.removeEventListener("pointerdown", close) };
}
