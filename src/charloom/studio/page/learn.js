/** Learn: give a text, see it learned, and the list of all trainings. */

import { get } from "./api.js";
import { el } from "./dom.js";
import { STATUS, bits, minutes } from "./format.js";
import { givePanel } from "./give.js";
import { live } from "./live.js";
import { trying } from "./notes.js";
import { RunPanel } from "./run.js";

/**
 * Shows the view.
 * @param {HTMLElement} place
 * @param {string} number of the run to show; "" to give a text
 * @returns {() => void} to be called when the view is left
 */
export function showLearn(place, number) {
  const main = el("div", { class: "learn-main" });
  const list = el("ul", { class: "runs plain" });
  const side = el(
    "aside",
    { class: "side", "aria-labelledby": "runs-title" },
    el("h2", { id: "runs-title" }, "Trainings"),
    list,
    number ? el("p", {}, el("a", { href: "#/learn" }, "Learn another text")) : null,
  );
  place.replaceChildren(el("div", { class: "columns learn" }, main, side));
  live.follow(number);
  const panel = number ? new RunPanel(main) : null;
  let given = false;

  const update = () => {
    if (live.runs === null) return;
    side.hidden = !live.runs.length;
    fill(list, number);
    if (panel) panel.update(live.find(number), live.told);
    else if (!given) {
      given = true;
      trying(() => showGive(main, !live.runs.length));
    }
  };
  live.addEventListener("runs", update);
  live.addEventListener("told", update);
  update();
  return () => {
    live.removeEventListener("runs", update);
    live.removeEventListener("told", update);
    live.follow("");
  };
}

async function showGive(main, first) {
  const studio = await get("/studio");
  const begun = async (run) => {
    await live.refresh();
    location.hash = `#/learn/${run.id}`;
  };
  main.replaceChildren(givePanel(studio, first, begun));
}

/** All trainings, each a link; only what has changed is changed, so that the focus stays. */
function fill(list, current) {
  const links = new Map([...list.children].map((item) => [item.dataset.id, item]));
  const items = live.runs.map((run) => {
    const item = links.get(run.id) ?? el("li", { "data-id": run.id }, el("a", { href: `#/learn/${run.id}` }));
    const link = item.firstChild;
    const line = `${run.name}|${inWords(run)}`;
    if (link.dataset.line !== line) {
      link.dataset.line = line;
      link.replaceChildren(
        el("span", { class: "name" }, run.name),
        el("span", { class: `state ${run.status}` }, inWords(run)),
      );
    }
    if (run.id === current) link.setAttribute("aria-current", "true");
    return item;
  });
  const same = items.length === list.childElementCount && items.every((item, at) => item === list.children[at]);
  if (!same) list.replaceChildren(...items);
}

function inWords(run) {
  const score = run.status === "finished" && run.bits !== null ? `, ${bits(run.bits)} bits` : "";
  return `${STATUS[run.status]}${score} · ${run.minutes ? minutes(run.minutes) : "a file that was added"}`;
}
