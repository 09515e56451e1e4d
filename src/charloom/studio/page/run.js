/** One training: where it stands, its curve, what it writes by now, and what can be done. */

import { post } from "./api.js";
import { Curve } from "./curve.js";
import { button, el, shown } from "./dom.js";
import { STATUS, bits, clock, count } from "./format.js";
import { live } from "./live.js";
import { confirmRemoval } from "./models.js";
import { tell, trying } from "./notes.js";
import { curveOf } from "./told.js";

const PHASES = {
  waiting: "Getting ready: loading what it learns with…",
  "getting ready": "Getting ready: reading the text and loading what it learns with…",
  learning: "Learning",
  finishing: "Measuring: how others do on the same characters, and how much is copied…",
  over: "",
};

export class RunPanel {
  #status = "";

  #gone = false;

  /** @param {HTMLElement} place where it is shown */
  constructor(place) {
    this.title = el("h2", { tabIndex: -1 }, "…");
    this.state = el("p", { class: "state-line" });
    this.bar = el("progress", { max: 1, value: 0, "aria-label": "How much of the time is over" });
    this.figures = el("dl", { class: "figures" });
    this.curve = new Curve();
    const below = "Bits per character: the lower, the better it knows what comes next";
    this.curveBox = el("section", {}, el("h3", {}, below), this.curve.element);
    this.sample = el("p", { class: "written" });
    this.sampleBox = el("section", {}, el("h3", {}, "What it writes meanwhile"), this.sample);
    this.notes = el("ol", { class: "log" });
    this.noteBox = el("details", {}, el("summary", {}, "What happened so far"), this.notes);
    this.actions = this.#buttons();
    place.replaceChildren(
      el(
        "section",
        { class: "card run" },
        this.title,
        this.state,
        this.bar,
        this.figures,
        el("div", { class: "row" }, Object.values(this.actions)),
        this.curveBox,
        this.sampleBox,
        this.noteBox,
      ),
    );
  }

  #buttons() {
    const act = (what) => async () => {
      await trying(() => post(`/runs/${this.run.id}/${what}`));
      await trying(() => live.refresh());
    };
    return {
      write: el("a", { class: "button primary", href: "#/write" }, "Write with it"),
      stop: button("Stop and keep everything", act("stop")),
      resume: button("Resume", act("resume"), { class: "primary" }),
      remove: button("Delete", () => confirmRemoval(this.run)),
    };
  }

  /**
   * Shows how things stand.
   * @param {object|undefined} run as the studio lists it; undefined once it is deleted
   * @param {object} told what it has told; see told.js
   */
  update(run, told) {
    if (!run) {
      if (!this.#gone) location.hash = "#/learn";
      this.#gone = true;
      return;
    }
    this.run = run;
    const busy = run.status === "running" || run.status === "stopping";
    this.#setTitle(run.name);
    this.#showState(run, told);
    const fraction = told.progress?.fraction ?? 0;
    this.bar.value = run.status === "finished" ? 1 : fraction;
    shown(this.bar, busy || run.status === "stopped");
    this.#showFigures(run, told);
    shown(this.actions.write, run.has_model && !busy);
    this.actions.write.href = `#/write/${run.id}`;
    shown(this.actions.stop, run.status === "running" || run.status === "queued");
    this.actions.stop.textContent = run.status === "queued" ? "Take it out of the queue" : "Stop and keep everything";
    shown(this.actions.resume, run.status === "stopped" || run.status === "failed");
    shown(this.actions.remove, !busy);
    shown(this.curveBox, run.minutes > 0); // nothing is known of how a model from elsewhere learned
    this.curve.draw(curveOf(told, run.minutes));
    this.sample.textContent = told.sample;
    shown(this.sampleBox, Boolean(told.sample));
    this.#showNotes(told.notes);
  }

  #setTitle(name) {
    if (this.title.textContent !== name) this.title.textContent = name;
  }

  #showState(run, told) {
    const stopped = run.kept
      ? "Stopped; everything learned so far is kept"
      : "Stopped before there was anything to keep; it begins anew when it is resumed";
    let line = { ...STATUS, finished: "Finished", stopped }[run.status];
    if (run.status === "running") line = PHASES[told.phase];
    if (run.status === "queued") line = "Waiting its turn: one text is learned at a time";
    if (run.status === "stopping") line = "Stopping, and keeping everything…";
    if (run.status === "failed") line = run.error;
    this.state.className = `state-line ${run.status}`;
    if (this.state.textContent !== line) this.state.textContent = line;
    // Said once for each change, not for every figure.
    if (this.#status && this.#status !== run.status) tell(`${run.name}: ${line}.`);
    if (this.#status !== run.status) this.#keepFocus();
    this.#status = run.status;
  }

  /** A button that vanishes takes the focus with it: it goes to the title then. */
  #keepFocus() {
    const had = Object.values(this.actions).includes(document.activeElement);
    if (had) this.title.focus();
  }

  #showFigures(run, told) {
    const { progress, scores } = told;
    const rows = [];
    if (scores && run.status === "finished") {
      const held = scores.validation_bits_per_character;
      if (typeof held === "number") rows.push(["bits per character on all text held out", bits(held)]);
      if (typeof scores.seconds === "number") rows.push(["time spent", clock(scores.seconds)]);
    } else if (progress) {
      if (progress.training !== null) rows.push(["bits per character now", bits(progress.training)]);
      if (progress.best !== null) rows.push(["best on text held out", bits(progress.best)]);
      rows.push(["characters a second", count(progress.speed)]);
      if (run.status === "running" && progress.left !== null) rows.push(["left", clock(progress.left)]);
    }
    this.figures.replaceChildren(
      ...rows.map(([name, value]) => el("div", {}, el("dd", {}, value), el("dt", {}, name))),
    );
  }

  #showNotes(notes) {
    shown(this.noteBox, notes.length > 0);
    while (this.notes.childElementCount > notes.length) this.notes.lastChild.remove();
    for (const note of notes.slice(this.notes.childElementCount)) this.notes.append(el("li", {}, note));
  }
}
