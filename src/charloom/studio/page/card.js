/** Card: what is known of a model, its curve and history, the file, and all models. */

import { get } from "./api.js";
import { Curve } from "./curve.js";
import { bar, button, el } from "./dom.js";
import { STATUS, bits, clock, count, percent, size, when } from "./format.js";
import { live } from "./live.js";
import { addModel, confirmRemoval, modelHead } from "./models.js";
import { trying } from "./notes.js";
import { curveOf, nothingTold, take, yardsticks } from "./told.js";

const LONGEST_HISTORY = 40; // rows; of a longer history every n-th is shown

/** Shows the view; returns what to call when it is left. */
export function showCard(place, run) {
  const body = el("div", { class: "columns" });
  place.replaceChildren(modelHead("Card", "card", run), body);
  const list = el("ul", { class: "models plain" });
  const update = () => fill(list);
  live.addEventListener("runs", update);
  update();
  let left = false;
  trying(async () => {
    const [card, events] = await Promise.all([get(`/models/${run.id}`), get(`/runs/${run.id}/events`)]);
    if (left) return;
    const told = nothingTold();
    for (const event of events) take(told, event);
    body.replaceChildren(
      el("div", { class: "wide" }, about(run, card), scores(card), originality(card), run.minutes ? curve(run, told) : null),
      el(
        "aside",
        { class: "side", "aria-labelledby": "models-title" },
        el("h3", { id: "models-title" }, "All models"),
        list,
        addModel(),
      ),
    );
  });
  return () => {
    left = true;
    live.removeEventListener("runs", update);
  };
}

function begunFrom(start) {
  if (start === "base") return "the base model, tuned to this text";
  return start === "nothing" ? "nothing" : `another model, ${start}`;
}

function about(run, card) {
  const { text, network, training, vocabulary } = card;
  const layers = `${network.layers} LSTM layer${network.layers > 1 ? "s" : ""} of ${network.units} units`;
  const facts = [
    ["Text", text.characters && `${count(text.characters)} characters${text.encoding ? `, ${text.encoding}` : ""}`],
    ["Begun from", begunFrom(training.start)],
    ["Network", `${layers}, ${count(network.parameters)} parameters`],
    ["It knows", vocabulary.kind === "bytes" ? "every character: it reads bytes" : `${count(vocabulary.symbols)} characters`],
    ["It remembers", card.memory === null ? "nothing of its text word for word" : "its text: whoever has the file has the text"],
    ["Trained for", speed(card.scores)],
    ["File", size(card.bytes)],
  ];
  if (card.labels.length) facts.push(["Labels", card.labels.join(", ")]);
  return el(
    "section",
    { class: "card" },
    el("h3", {}, card.name),
    table(facts.filter(([, value]) => value)),
    el(
      "div",
      { class: "row" },
      el("a", { class: "button primary", href: `/api/models/${card.id}/file`, download: "" }, "Download the model"),
      el("a", { class: "button", href: `#/write/${card.id}` }, "Write with it"),
      button("Delete", () => confirmRemoval(run)),
    ),
    el("p", { class: "help" }, "The file works with charloom write and charloom.load on any computer."),
  );
}

/** How long and how fast; a model from elsewhere need not say. */
function speed({ seconds, characters_per_second: characters }) {
  if (typeof seconds !== "number") return "";
  return clock(seconds) + (characters ? `, ${count(characters)} characters a second` : "");
}

function table(rows) {
  return el("table", { class: "plain" }, el("tbody", {}, rows.map(([name, value]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, value)))));
}

/** Bits per character beside the yardsticks, as bars. */
function scores({ scores: measured }) {
  const own = measured.validation_bits_per_character;
  if (measured.stopped_early || typeof own !== "number") {
    const why = measured.stopped_early
      ? "None yet: the training was stopped before its end. Resume it to have the model scored."
      : "None: no part of the text was held out to score it on.";
    return el("section", { class: "card" }, el("h3", {}, "Score"), el("p", {}, why));
  }
  const names = { "n-gram": "an order-5 n-gram", xz: "xz, which compresses files" };
  const rows = [["this model", own], ...yardsticks(measured).map(([name, value]) => [names[name], value])];
  const most = Math.max(...rows.map(([, value]) => value));
  return el(
    "section",
    { class: "card" },
    el("h3", {}, "Score"),
    el("p", {}, `Bits per character on ${count(measured.validation_characters)} characters that it had never seen: the lower, the better it knows what comes next.`),
    el(
      "ul",
      { class: "bars plain" },
      rows.map(([name, value], number) =>
        el(
          "li",
          { class: number ? "" : "chosen" },
          el("span", { class: "name" }, name),
          bar(value / most),
          el("span", { class: "share" }, bits(value)),
        ),
      ),
    ),
  );
}

/** How much it copies, beside text held out. */
function originality({ scores: { originality: found } }) {
  if (!found) return null;
  const row = (name, figures) => [name, count(figures.longest), percent(figures.share_20), percent(figures.share_40), percent(figures.share_80)];
  const rows = [row("what it writes", found), ...(found.reference ? [row("the text held out", found.reference)] : [])];
  return el(
    "section",
    { class: "card" },
    el("h3", {}, "Originality"),
    el("p", {}, "How much stands word for word in its text: the longest copy, and the share of characters in copies of 20, 40, and 80 or more. Two parts of one text share some as well."),
    grid(["", "longest copy", "20+", "40+", "80+"], rows),
  );
}

function grid(head, rows) {
  const cells = (row) => row.map((value, at) => (at ? el("td", {}, value) : el("th", { scope: "row" }, value)));
  return el(
    "div",
    { class: "scrolled", tabIndex: 0, role: "region", "aria-label": "A table" },
    el(
      "table",
      { class: "grid" },
      el("thead", {}, el("tr", {}, head.map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, rows.map((row) => el("tr", {}, cells(row)))),
    ),
  );
}

function curve(run, told) {
  const drawn = new Curve();
  drawn.draw(curveOf(told, run.minutes));
  const every = Math.ceil(told.checks.length / LONGEST_HISTORY);
  const rows = told.checks
    .filter((_, at) => at % every === 0 || at === told.checks.length - 1)
    .map((check) => [clock(check.seconds), bits(check.training), check.validation === null ? "" : bits(check.validation), check.sample.replaceAll("\n", " ⏎ ")]);
  return el(
    "section",
    { class: "card" },
    el("h3", {}, "How it learned"),
    el("p", { class: "help" }, `Begun ${when(run.created)}.`),
    drawn.element,
    rows.length
      ? el("details", {}, el("summary", {}, "History"), grid(["after", "training", "held out", "what it wrote"], rows))
      : null,
  );
}

/** All models, and what can be done with each. */
function fill(list) {
  list.replaceChildren(
    ...live.runs.map((run) =>
      el(
        "li",
        {},
        el("a", { href: run.has_model ? `#/card/${run.id}` : `#/learn/${run.id}` }, run.name),
        el("span", { class: "state" }, run.status === "finished" && run.bits !== null ? `${bits(run.bits)} bits` : STATUS[run.status]),
        button("Delete", () => confirmRemoval(run), { class: "quiet", "aria-label": `Delete ${run.name}` }),
      ),
    ),
  );
}
