/** Numbers, times and characters as people read them. */

/** 12345 as 12,345. */
export const count = (number) => Math.round(number).toLocaleString("en");

/** A loss in bits per character. */
export const bits = (number) => number.toFixed(3);

/** A probability or a share. */
export function percent(share) {
  if (share > 0 && share < 0.001) return "under 0.1\u00a0%";
  return `${(100 * share).toFixed(share < 0.1 ? 1 : 0)}\u00a0%`;
}

/** Seconds as 1:05. */
export function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const minutes = Math.floor(whole / 60);
  const rest = String(whole % 60).padStart(2, "0");
  if (minutes < 60) return `${minutes}:${rest}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}

/** Minutes in words. */
export function minutes(number) {
  if (number < 1) return `${count(60 * number)} seconds`;
  return number === 1 ? "1 minute" : `${Number(number.toFixed(2))} minutes`;
}

/** Bytes as 1.2 MB. */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} bytes`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} KB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** A time of day, with the date where it is not today's. */
export function when(seconds) {
  const date = new Date(1000 * seconds);
  const time = date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  if (date.toDateString() === new Date().toDateString()) return `today, ${time}`;
  return `${date.toLocaleDateString("en-GB", { day: "numeric", month: "long" })}, ${time}`;
}

const NAMES = { " ": "space", "\n": "new line", "\t": "tab", "\u00a0": "fixed space" };

/** A character by name where it cannot be seen, else as it is. */
export const named = (character) => NAMES[character] ?? character;

/** A piece of text with its spaces and line ends shown. */
export const visible = (text) => text.replaceAll(" ", "␣").replaceAll("\n", "⏎").replaceAll("\t", "⇥");

/** What a run's status is called. */
export const STATUS = {
  queued: "waiting its turn",
  running: "learning",
  stopping: "stopping",
  finished: "finished",
  stopped: "stopped",
  failed: "could not go on",
};
