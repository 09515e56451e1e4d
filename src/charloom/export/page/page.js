/** The page: a prompt, settings, the text as it comes, and the likeliest pieces to go on with. */

const byId = (id) => document.getElementById(id);
const model = new Model(ABOUT, WEIGHTS);
const vocabulary = new Vocabulary(ABOUT);

const SLICE = 20; // milliseconds of writing between two looks at the page
const SURE = [0.8, 0.5, 0.25, 0.1, 0.03]; // under each a darker shade
const visible = (text) => text.replaceAll("\n", "⏎").replaceAll(" ", "␣");
const percent = (p) => `${p < 0.1 ? (100 * p).toFixed(1) : Math.round(100 * p)} %`;

const written = []; // what `write` gave
let going = 0; // counts the writings: an older one stops
let at = -1; // the character that is looked at

function settings() {
  const seed = byId("seed").value;
  return {
    temperature: Number(byId("temperature").value),
    topP: Number(byId("top-p").value),
    length: Math.max(1, Math.min(100000, Math.trunc(Number(byId("length").value)) || 500)),
    seed: seed === "" ? Math.floor(Math.random() * 1e9) : Math.max(0, Math.trunc(Number(seed))),
  };
}

const pause = () => new Promise((resolve) => { setTimeout(resolve); });
const wholeText = () => byId("text").dataset.prompt + written.map((one) => one.text).join("");

async function begin(prompt) {
  going += 1;
  const mine = going;
  const chosen = settings();
  written.length = 0;
  at = -1;
  const start = document.createElement("span");
  start.className = "prompt";
  start.textContent = prompt;
  byId("text").replaceChildren(start);
  byId("text").dataset.prompt = prompt;
  byId("detail").textContent = "";
  busy(true);
  const begun = performance.now();
  await pause();
  let sliced = performance.now();
  let shown = 0;
  for (const one of write(model, vocabulary, { prompt, ...chosen })) {
    written.push(one);
    if (performance.now() - sliced > SLICE) {
      show(shown);
      shown = written.length;
      await pause();
      if (going !== mine) return;
      sliced = performance.now();
    }
  }
  show(shown);
  busy(false);
  const speed = written.length / ((performance.now() - begun) / 1000);
  byId("told").textContent = `${written.length} characters, ${Math.round(speed)} a second; seed ${chosen.seed}.`;
}

function show(from) {
  const rows = document.createDocumentFragment();
  for (const { text, probability } of written.slice(from)) {
    const one = document.createElement("span");
    one.textContent = text;
    const level = SURE.filter((least) => probability < least).length;
    if (level) one.className = `s${level}`;
    rows.append(one);
  }
  byId("text").append(rows);
}

function busy(yes) {
  byId("stop").hidden = !yes;
  byId("go-on").hidden = yes || !written.length;
  byId("copy").hidden = yes || !written.length;
  if (yes) byId("told").textContent = "Writing.";
}

function stop() {
  going += 1;
  const shown = byId("text").childElementCount - 1;
  show(shown);
  busy(false);
  byId("told").textContent = `Stopped after ${written.length} characters.`;
}

/** Says of a character how likely it was, and what else might have come. */
function look(index) {
  if (index < 0 || index >= written.length) return;
  const spans = byId("text").children;
  spans[at + 1]?.classList.remove("here");
  at = index;
  spans[at + 1].classList.add("here");
  const { text, probability, others } = written[at];
  const rest = others.map(([one, p]) => `${visible(one)} ${percent(p)}`).join(", ");
  byId("detail").textContent = `“${visible(text)}” came with ${percent(probability)}. Likeliest: ${rest}`;
}

function offer() {
  const prompt = byId("prompt").value;
  const found = suggestions(model, vocabulary, prompt.slice(-1000));
  byId("offers").replaceChildren(
    ...found.map(({ text, probability }) => {
      const button = document.createElement("button");
      button.type = "button";
      const share = document.createElement("span");
      share.className = "share";
      share.textContent = ` ${percent(probability)}`;
      button.append(visible(text), share);
      button.addEventListener("click", () => {
        byId("prompt").value += text;
        offer();
      });
      return button;
    }),
  );
}

for (const name of ["temperature", "top-p"]) {
  const tell = () => { byId(`${name}-shown`).textContent = byId(name).value; };
  byId(name).addEventListener("input", tell);
  tell();
}
let waiting = null;
byId("prompt").addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(offer, 250);
});
byId("write").addEventListener("click", () => begin(byId("prompt").value));
byId("go-on").addEventListener("click", () => begin(wholeText()));
byId("copy").addEventListener("click", () => navigator.clipboard.writeText(wholeText()));
byId("stop").addEventListener("click", stop);
byId("text").addEventListener("pointerover", ({ target }) => {
  if (target !== byId("text")) look([...byId("text").children].indexOf(target) - 1);
});
byId("text").addEventListener("keydown", (event) => {
  const steps = { ArrowRight: 1, ArrowLeft: -1 };
  if (!(event.key in steps)) return;
  event.preventDefault();
  look(Math.max(0, Math.min(written.length - 1, at + steps[event.key])));
});
offer();
