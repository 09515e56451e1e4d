/** The start of Learn: three ways to give a text, what the studio makes of it, and the start. */

import { get, give, post } from "./api.js";
import { button, el, field, newId } from "./dom.js";
import { count, minutes as inMinutes, size } from "./format.js";
import { complain, dismissAll, tell, trying } from "./notes.js";

const PRESETS = [0.5, 1, 2, 5, 10, 30];
const NAMED_AFTER = 5; // words of a pasted text

/**
 * @param {object} studio what /api/studio says
 * @param {boolean} first whether nothing was ever given yet
 * @param {(run: object) => void} begun told of the run that was started
 */
export function givePanel(studio, first, begun) {
  const place = el("section", { class: "give" });
  const show = (text) => {
    const facts = textPanel(text, begun, again);
    place.replaceChildren(facts);
    facts.querySelector("h2").focus();
    tell(`${text.name}: ${count(text.characters)} characters.`);
  };
  const again = () => place.replaceChildren(ways(studio, first, show));
  again();
  return place;
}

function ways(studio, first, show) {
  const line = el("p", { class: "busy", role: "status" });
  // Says that a text is read while it is; shows what goes wrong.
  const reading = async (act) => {
    line.textContent = "Reading the text…";
    dismissAll();
    await trying(async () => show(await act()));
    line.textContent = "";
  };
  const earlier = el("div", { class: "earlier" });
  addEarlier(earlier, show);
  return el(
    "div",
    {},
    el(
      "h2",
      { tabIndex: -1, class: first ? "greeting" : "" },
      first ? "Give Charloom a text, and in a few minutes it writes more of it." : "Learn a text",
    ),
    el("div", { class: "ways" }, dropWay(studio, reading), pasteWay(reading), sampleWay(studio, reading)),
    line,
    earlier,
  );
}

function dropWay(studio, reading) {
  const input = el("input", { type: "file", class: "unseen", accept: "text/*,.txt,.md,.text" });
  input.id = newId("file");
  const chosen = (file) => {
    if (!file) return;
    if (file.size > studio.most_bytes) {
      complain(new Error(`${file.name} is larger than ${size(studio.most_bytes)}, the most that the studio takes.`));
      return;
    }
    reading(() => give("/texts", file.name, file));
  };
  input.addEventListener("change", () => chosen(input.files[0]));
  const way = el(
    "div",
    { class: "way drop" },
    el("h3", {}, "A file"),
    el("p", {}, "Drop a plain text file here: letters, poems, a book, a play."),
    input,
    el("label", { class: "button", for: input.id }, "Choose a file"),
  );
  way.addEventListener("dragover", (event) => {
    event.preventDefault();
    way.classList.add("over");
  });
  way.addEventListener("dragleave", () => way.classList.remove("over"));
  way.addEventListener("drop", (event) => {
    event.preventDefault();
    way.classList.remove("over");
    chosen(event.dataTransfer.files[0]);
  });
  return way;
}

function pasteWay(reading) {
  const text = el("textarea", { rows: 4, placeholder: "Paste or type it here" });
  text.setAttribute("aria-label", "The text to learn");
  const use = button("Use this text", () => {
    if (!text.value.trim()) {
      complain(new Error("There is no text yet; paste or type one first."));
      return undefined;
    }
    const name = text.value.trim().split(/\s+/).slice(0, NAMED_AFTER).join(" ");
    return reading(() => give("/texts", name, text.value));
  });
  return el("div", { class: "way" }, el("h3", {}, "Pasted"), text, use);
}

function sampleWay(studio, reading) {
  const choices = Object.entries(studio.samples).map(([name, title]) =>
    el("li", {}, button(title, () => reading(() => post(`/samples/${name}`)))),
  );
  return el(
    "div",
    { class: "way" },
    el("h3", {}, "A sample"),
    el("p", {}, "Shakespeare: one page, or the whole play."),
    el("ul", { class: "plain" }, choices),
  );
}

/** Texts that were given before can be learned again. */
async function addEarlier(place, show) {
  const texts = await trying(() => get("/texts"));
  if (!texts?.length) return;
  const choice = el(
    "select",
    {},
    texts.map((text) => el("option", { value: text.id }, `${text.name} (${count(text.characters)} characters)`)),
  );
  const use = button("Use it", () => show(texts.find((text) => text.id === choice.value)));
  place.append(field("Or a text given before", choice), use);
}

/** What is known of a text, what to expect of it, and the start. */
function textPanel(text, begun, again) {
  const name = el("input", { type: "text", value: text.name, maxLength: 80 });
  const time = el("input", { type: "number", min: 0.05, max: 10080, step: "any", value: text.minutes });
  time.inputMode = "decimal";
  const start = button(
    "Start learning",
    () =>
      trying(async () => {
        dismissAll();
        const wanted = { text: text.id, minutes: Number(time.value), name: name.value };
        if (!(wanted.minutes > 0)) throw new Error("Say how many minutes it may learn: a number over 0.");
        begun(await post("/runs", wanted));
      }),
    { class: "primary" },
  );
  return el(
    "div",
    { class: "card" },
    el("h2", { tabIndex: -1 }, text.name),
    el("p", { class: "facts" }, facts(text)),
    el("blockquote", { class: "preview written" }, text.preview, text.characters > text.preview.length ? "…" : ""),
    el("h3", {}, "What to expect"),
    text.expect.map((sentence) => el("p", {}, sentence)),
    el("h3", {}, "How long"),
    el("div", { class: "row" }, field("Minutes", time), presets(time), field("Name of the model", name)),
    el("p", { class: "help" }, "A quarter of a minute comes on top, to get ready and to measure."),
    el("div", { class: "row" }, start, button("Another text", again)),
  );
}

function presets(time) {
  const choose = (value) =>
    button(inMinutes(value), () => {
      time.value = value;
      tell(`${inMinutes(value)}.`);
    }, { class: "quiet" });
  return el("div", { class: "presets", role: "group", "aria-label": "Usual times" }, PRESETS.map(choose));
}

function facts(text) {
  const parts = [
    `${count(text.characters)} characters`,
    size(text.bytes),
    `${count(text.symbols)} different characters`,
    `encoding ${text.encoding}${text.guessed ? ", a guess" : ""}`,
  ];
  if (text.undecodable) parts.push(`${count(text.undecodable)} characters could not be read`);
  return parts.join(" · ");
}
