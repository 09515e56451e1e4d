/** The page: which view is shown, for which model, and where the focus goes. */

import { get } from "./api.js";
import { showCard } from "./card.js";
import { showInside } from "./inside.js";
import { showLearn } from "./learn.js";
import { live } from "./live.js";
import { noModel } from "./models.js";
import { dismissAll, trying } from "./notes.js";
import { showWrite } from "./write.js";

const VIEWS = {
  learn: { title: "Learn", show: showLearn },
  write: { title: "Write", show: showWrite, ofModel: true },
  inside: { title: "Look inside", show: showInside, ofModel: true },
  card: { title: "Card", show: showCard, ofModel: true },
};
const main = document.getElementById("main");

let leave = () => {};
let shownAt = null; // the address of what is shown
let lastModel = "";

/** The view and the id that the address names. */
function address() {
  const [, view, number = ""] = location.hash.split("/");
  return { view: view in VIEWS ? view : "learn", number: /^[0-9a-f]{12}$/.test(number) ? number : "" };
}

/** The model that a view is about: the one named, the last one, or the newest. */
function modelFor(number) {
  const models = live.models;
  const wanted = [number, lastModel].map((one) => models.find((run) => run.id === one));
  return wanted.find(Boolean) ?? models[0];
}

function show(force = false) {
  if (location.hash === "#main") {
    main.focus();
    return;
  }
  const { view, number } = address();
  const { title, show: open, ofModel } = VIEWS[view];
  const run = ofModel ? modelFor(number) : null;
  const at = `${view}/${ofModel ? run?.id ?? "" : number}`;
  if (at === shownAt && !force) return;
  const first = shownAt === null;
  leave();
  dismissAll();
  shownAt = at;
  if (run) lastModel = run.id;
  else if (view === "learn" && number) lastModel = number;
  document.title = `${title} · Charloom Studio`;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.view === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (ofModel && !run) {
    main.replaceChildren(noModel(title));
    leave = () => {};
  } else {
    leave = open(main, ofModel ? run : number) ?? (() => {});
  }
  if (!first) {
    scrollTo(0, 0);
    (main.querySelector("h2") ?? main).focus();
  }
}

/** Models come and go: a view without one shows the first there is, and the other way round. */
function modelsChanged() {
  const { view, number } = address();
  if (!VIEWS[view].ofModel) return;
  if (shownAt === null || shownAt !== `${view}/${modelFor(number)?.id ?? ""}`) show();
}

async function begin() {
  live.addEventListener("runs", () => (shownAt === null ? show() : modelsChanged()));
  addEventListener("hashchange", () => live.runs !== null && show());
  live.start();
  const studio = await trying(() => get("/studio"));
  if (studio) document.getElementById("folder").textContent = `, in ${studio.folder}`;
}

begin();
