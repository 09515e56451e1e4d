/** What the views of a model share: choosing one, its labels, and deleting it. */

import { give, remove } from "./api.js";
import { button, el, field, newId } from "./dom.js";
import { STATUS } from "./format.js";
import { live } from "./live.js";
import { tell, trying } from "./notes.js";

/**
 * The head of a view of a model: its title, and which model it is about.
 * @param {string} title
 * @param {string} view as the address has it
 * @param {object} run the model's
 */
export function modelHead(title, view, run) {
  const choice = el(
    "select",
    {
      on: {
        change: () => {
          location.hash = `#/${view}/${choice.value}`;
        },
      },
    },
    live.models.map((one) => el("option", { value: one.id, selected: one.id === run.id }, label(one))),
  );
  return el(
    "div",
    { class: "head" },
    el("h2", { tabIndex: -1 }, title),
    el("div", { class: "model-choice" }, field("Model", choice)),
  );
}

const label = (run) => (run.status === "finished" ? run.name : `${run.name} (${STATUS[run.status]})`);

/** What is shown where there is no model yet. */
export function noModel(title) {
  return el(
    "section",
    { class: "card empty" },
    el("h2", { tabIndex: -1 }, title),
    el("p", {}, "There is no model yet. Charloom first has to learn a text, which takes a few minutes."),
    el("p", {}, el("a", { class: "button primary", href: "#/learn" }, "Learn a text")),
    el("p", {}, "Or use one that was made elsewhere:"),
    addModel(),
  );
}

/** A way to take in a model file that was made elsewhere. */
export function addModel() {
  const input = el("input", { type: "file", class: "unseen", accept: ".safetensors", id: newId("model") });
  input.addEventListener("change", () =>
    trying(async () => {
      const [file] = input.files;
      input.value = "";
      if (!file) return;
      tell("Reading the model.");
      const run = await give("/models", file.name, file);
      await live.refresh();
      location.hash = `#/card/${run.id}`;
    }),
  );
  return el("p", {}, input, el("label", { class: "button quiet", for: input.id }, "Add a model file"));
}

/** A choice among a model's labels, with "all, evenly"; null where it has none. */
export function labelChoice(labels) {
  if (!labels.length) return null;
  const options = [el("option", { value: "" }, "all, evenly"), ...labels.map((name) => el("option", { value: name }, name))];
  return el("select", {}, options);
}

/** Asks before a model is deleted, and deletes it. */
export function confirmRemoval(run) {
  return new Promise((resolve) => {
    const dialog = el("dialog", { "aria-labelledby": "removal-title" });
    const yes = button(
      "Delete it",
      () =>
        trying(async () => {
          dialog.close();
          await remove(`/runs/${run.id}`);
          await live.refresh();
        }),
      { class: "danger" },
    );
    dialog.append(
      el("h2", { id: "removal-title" }, `Delete ${run.name}?`),
      el("p", {}, "The model, its history, and its text where no other model uses that, are deleted from this computer. There is no way back."),
      el("div", { class: "row" }, button("Keep it", () => dialog.close(), { autofocus: true }), yes),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve();
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
