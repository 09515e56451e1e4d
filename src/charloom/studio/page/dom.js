/** Making elements: all that the views need in place of a framework. */

/**
 * An element. Properties are set as such; `class`, `for`, `aria-*`, `data-*` and `role` as
 * attributes; `on` holds listeners by event.
 * @param {string} tag
 * @param {object} [properties]
 * @param {...(Node|string|null|undefined|Array)} children left out where null
 * @returns {HTMLElement}
 */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (/^(class|for|role|list|(aria|data)-.*)$/.test(name)) {
      element.setAttribute(name, value);
    } else {
      element[name] = value;
    }
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** A button that does something; while that takes its time it cannot be pressed again. */
export function button(text, act, properties = {}) {
  const element = el("button", { type: "button", ...properties }, text);
  element.addEventListener("click", async () => {
    if (element.getAttribute("aria-disabled") === "true") return;
    // Not `disabled`: that would take the focus away from whoever uses the keyboard.
    element.setAttribute("aria-disabled", "true");
    try {
      await act();
    } finally {
      element.removeAttribute("aria-disabled");
    }
  });
  return element;
}

let numbers = 0;

/** An id that nothing else on the page has. */
export function newId(prefix) {
  numbers += 1;
  return `${prefix}-${numbers}`;
}

/** A labelled control: the label, the control, and a line of help below. */
export function field(text, control, help = "") {
  control.id ||= newId("field");
  const line = help ? el("p", { class: "help", id: `${control.id}-help` }, help) : null;
  if (line) control.setAttribute("aria-describedby", line.id);
  return el("div", { class: "field" }, el("label", { for: control.id }, text), control, line);
}

/** A bar as long as a share of its place, from 0 to 1; what it says stands beside it. */
export function bar(share) {
  const NS = "http://www.w3.org/2000/svg";
  const root = document.createElementNS(NS, "svg");
  root.setAttribute("class", "bar");
  root.setAttribute("aria-hidden", "true");
  const rect = document.createElementNS(NS, "rect");
  rect.setAttribute("width", `${Math.max(0.5, 100 * share).toFixed(1)}%`);
  rect.setAttribute("height", "100%");
  rect.setAttribute("rx", "4");
  root.append(rect);
  return root;
}

/** Shows or hides an element. */
export function shown(element, yes) {
  element.hidden = !yes;
}
