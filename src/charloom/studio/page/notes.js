/** What the page has to say: errors in notes that can be dismissed, and a status for readers. */

import { button, el } from "./dom.js";

const place = document.getElementById("notes");
const status = document.getElementById("status");
const LATER = 60; // milliseconds: a text that is set twice at once is read once

/** Says something to screen readers alone: what others see happening. */
export function tell(text) {
  status.textContent = "";
  setTimeout(() => {
    status.textContent = text;
  }, LATER);
}

/** Shows a note, until it is dismissed. The same note is not shown twice. */
export function complain(error) {
  const text = error.message ?? String(error);
  for (const note of place.children) if (note.dataset.text === text) return;
  const close = button("Dismiss", () => note.remove(), { class: "quiet" });
  const note = el("div", { class: "note", "data-text": text }, el("p", {}, text), close);
  place.append(note);
}

/** Does something, and shows what goes wrong as a note. */
export async function trying(act) {
  try {
    return await act();
  } catch (error) {
    if (error.name !== "AbortError") complain(error);
    return undefined;
  }
}

/** Dismisses all notes: what they were about has been left. */
export function dismissAll() {
  place.replaceChildren();
}
