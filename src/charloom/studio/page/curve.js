/**
 * A training's curve: bits per character over time, as an SVG at the size it is shown in.
 * What it shows is said in words as well.
 */

import { el } from "./dom.js";
import { bits, clock } from "./format.js";

const NS = "http://www.w3.org/2000/svg";
const HEIGHT = 260;
const EDGE = { top: 14, right: 14, bottom: 30, left: 44 };
const NICE = [1, 2, 3, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400];
const KINDS = [
  ["training", "training"],
  ["validation", "held-out text"],
];

function svg(tag, attributes, text) {
  const element = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

export class Curve {
  /** The figure, to be put somewhere. */
  element;

  #data = { training: [], validation: [], lines: [], total: 1 };

  #drawn = 0;

  constructor() {
    this.place = el("div", { class: "curve" });
    this.legend = el("ul", { class: "legend", "aria-hidden": "true" });
    this.element = el("figure", { class: "figure" }, this.place, this.legend);
    new ResizeObserver(([entry]) => {
      if (Math.abs(entry.contentRect.width - this.#drawn) > 1) this.#render();
    }).observe(this.place);
  }

  /**
   * Draws anew.
   * @param {{training: number[][], validation: number[][], lines: [string, number][],
   *   total: number}} data points as [seconds, bits]; `total` seconds are as wide as the curve
   */
  draw(data) {
    this.#data = data;
    this.#render();
  }

  #render() {
    const width = this.place.clientWidth;
    this.#drawn = width;
    if (width < 80) return; // not shown yet
    const { training, validation, lines, total } = this.#data;
    const scale = scales(this.#data, width);
    const root = svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img" });
    root.setAttribute("aria-label", inWords(this.#data));
    axes(root, scale, width, total);
    const inside = clipped(root, width);
    for (const [name, value] of lines) {
      const y = scale.y(value);
      inside.append(svg("line", { x1: EDGE.left, x2: width - EDGE.right, y1: y, y2: y, class: `yard ${kind(name)}` }));
    }
    inside.append(path(training, scale, "training"), path(validation, scale, "validation"));
    for (const point of validation.length < 60 ? validation : validation.slice(-1)) {
      const [x, y] = [scale.x(point[0]), scale.y(point[1])];
      inside.append(svg("circle", { cx: x, cy: y, r: 3, class: "validation" }));
    }
    this.place.replaceChildren(root);
    this.#explain();
  }

  #explain() {
    const entries = KINDS.filter(([key]) => this.#data[key].length).map(([key, name]) => {
      const last = this.#data[key].at(-1)[1];
      return el("li", { class: key }, `${name} ${bits(last)}`);
    });
    for (const [name, value] of this.#data.lines) {
      entries.push(el("li", { class: `yard ${kind(name)}` }, `${name} ${bits(value)}`));
    }
    this.legend.replaceChildren(...entries);
  }
}

const kind = (name) => (name === "xz" ? "xz" : "ngram");

/** From seconds and bits to places. */
function scales({ training, validation, lines, total }, width) {
  const values = [...training, ...validation].map(([, value]) => value);
  const known = [...values, ...lines.map(([, value]) => value)];
  const low = known.length ? Math.min(...known) : 1;
  const high = known.length ? Math.max(...known) : 5;
  // The steep start would press all that is interesting flat: it is cut off above.
  const bottom = Math.floor((low - 0.05) * 5) / 5;
  const top = Math.max(bottom + 0.6, Math.min(high + 0.1, 2.2 * low + 0.4));
  const end = Math.max(total, ...[training, validation].map((points) => points.at(-1)?.[0] ?? 0), 1e-3);
  return {
    bottom,
    top,
    end,
    x: (seconds) => EDGE.left + (seconds / end) * (width - EDGE.left - EDGE.right),
    y: (value) => HEIGHT - EDGE.bottom - ((value - bottom) / (top - bottom)) * (HEIGHT - EDGE.top - EDGE.bottom),
  };
}

function axes(root, scale, width) {
  const step = scale.top - scale.bottom > 2.5 ? 1 : scale.top - scale.bottom > 1 ? 0.5 : 0.2;
  for (let value = Math.ceil(scale.bottom / step) * step; value <= scale.top + 1e-9; value += step) {
    const y = scale.y(value);
    root.append(svg("line", { x1: EDGE.left, x2: width - EDGE.right, y1: y, y2: y, class: "grid" }));
    root.append(svg("text", { x: EDGE.left - 8, y: y + 4, class: "tick", "text-anchor": "end" }, value.toFixed(1)));
  }
  const most = Math.max(2, Math.floor((width - EDGE.left) / 90));
  const pause = NICE.find((seconds) => scale.end / seconds <= most) ?? scale.end;
  for (let seconds = 0; seconds <= scale.end * 1.001; seconds += pause) {
    const x = scale.x(seconds);
    root.append(svg("text", { x, y: HEIGHT - 8, class: "tick", "text-anchor": "middle" }, clock(seconds)));
  }
}

/** A group that shows nothing outside the axes. */
function clipped(root, width) {
  const id = `clip-${Math.random().toString(36).slice(2)}`;
  const clip = svg("clipPath", { id });
  const size = { width: width - EDGE.left - EDGE.right + 8, height: HEIGHT - EDGE.top - EDGE.bottom + 4 };
  clip.append(svg("rect", { x: EDGE.left - 4, y: EDGE.top - 2, ...size }));
  const group = svg("g", { "clip-path": `url(#${id})` });
  root.append(clip, group);
  return group;
}

function path(points, scale, name) {
  const places = points.map(([x, y]) => `${scale.x(x).toFixed(1)} ${scale.y(y).toFixed(1)}`);
  return svg("path", { d: places.length ? `M${places.join("L")}` : "", class: name });
}

/** The curve as a sentence or two. */
function inWords({ training, validation, lines }) {
  const parts = [];
  for (const [key, name] of KINDS) {
    const points = { training, validation }[key];
    if (!points.length) continue;
    const [first, last] = [points[0], points.at(-1)];
    const from = points.length > 1 ? `from ${bits(first[1])} to ` : "";
    parts.push(`${name} ${from}${bits(last[1])} after ${clock(last[0])}`);
  }
  for (const [name, value] of lines) parts.push(`${name} ${bits(value)}`);
  return parts.length ? `Bits per character: ${parts.join("; ")}.` : "Bits per character: nothing yet.";
}
