/**
 * What goes on in the studio, as it happens: the list of runs, and what one of them tells.
 * One stream serves both. While the page is not looked at it is closed: a browser opens six
 * connections to a server at most, over all its tabs.
 */

import { NOT_RUNNING, get } from "./api.js";
import { tell } from "./notes.js";
import { nothingTold, take } from "./told.js";

const AGAIN = 1500; // milliseconds until a closed stream is opened anew
const banner = document.getElementById("connection");

class Live extends EventTarget {
  /** All runs, the newest first; null until they are known. */
  runs = null;

  /** What the followed run has told. */
  told = nothingTold();

  #followed = "";

  #source = null;

  /** Begins to listen. */
  start() {
    this.#open();
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.#close();
      else if (!this.#source) this.#open();
    });
  }

  /** The run with an id, if there is one. */
  find(number) {
    return (this.runs ?? []).find((run) => run.id === number);
  }

  /** Those whose model can be used. */
  get models() {
    return (this.runs ?? []).filter((run) => run.has_model);
  }

  /** Follows one run, or none (""). */
  follow(number) {
    if (number === this.#followed && this.#source) return;
    this.#followed = number;
    this.#close();
    this.#open();
  }

  /** Asks for the runs now, where something was just changed here. */
  async refresh() {
    this.#take(await get("/runs"));
  }

  #take(runs) {
    this.runs = runs;
    this.dispatchEvent(new Event("runs"));
  }

  #open() {
    this.told = nothingTold(); // told from the start again
    const query = this.#followed ? `?run=${this.#followed}` : "";
    const source = new EventSource(`/api/events${query}`);
    this.#source = source;
    source.addEventListener("open", () => {
      if (!banner.hidden) tell("The studio is running again.");
      banner.hidden = true;
    });
    source.addEventListener("runs", (event) => this.#take(JSON.parse(event.data)));
    source.addEventListener("told", (event) => {
      for (const one of JSON.parse(event.data)) take(this.told, one);
      this.dispatchEvent(new Event("told"));
    });
    source.addEventListener("error", () => this.#lost(source));
  }

  #close() {
    this.#source?.close();
    this.#source = null;
  }

  /** The stream broke off. Mostly the browser opens it again by itself. */
  async #lost(source) {
    if (source !== this.#source) return;
    if (source.readyState !== EventSource.CLOSED) {
      this.#sayLost();
      return;
    }
    try {
      await get("/studio"); // it runs, so the run is what is not there any more
      this.#followed = "";
    } catch {
      this.#sayLost();
    }
    setTimeout(() => {
      if (source !== this.#source) return;
      this.#close();
      this.#open();
    }, AGAIN);
  }

  #sayLost() {
    banner.textContent = NOT_RUNNING;
    banner.hidden = false;
  }
}

export const live = new Live();
