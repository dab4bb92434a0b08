// How is an element made? Text always stays text: nothing here, or elsewhere, parses markup.

/** @typedef {Record<string, string | number | boolean | null | undefined>} Attributes */
/** @typedef {Node | string | false | null} Child */

// The element of an id, which the page has, and of this kind.
/** @type {<T extends HTMLElement>(id: string, kind: new () => T) => T} */
function element(id, kind) {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new TypeError(`the page has no ${kind.name} with the id ${id}`);
}

/** @type {(id: string) => HTMLElement} */
const find = (id) => element(id, HTMLElement);
/** @type {(id: string) => HTMLInputElement} */
const field = (id) => element(id, HTMLInputElement);
/** @type {(id: string) => HTMLSelectElement} */
const menu = (id) => element(id, HTMLSelectElement);

// An element with attributes and children, which are elements, texts or lists of them.
/** @type {<K extends keyof HTMLElementTagNameMap>(tag: K, attributes?: Attributes, ...children: (Child | Child[])[]) => HTMLElementTagNameMap[K]} */
function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

// The same for SVG.
/** @type {<K extends keyof SVGElementTagNameMap>(tag: K, attributes?: Attributes, ...children: (Child | Child[])[]) => SVGElementTagNameMap[K]} */
function makeSvg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

/** @type {<T extends Element>(made: T, attributes: Attributes, children?: (Child | Child[])[]) => T} */
function fill(made, attributes, children = []) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, String(value));
  }
  made.append(...children.flat().filter((child) => child !== null && child !== false));
  return made;
}

// A number as text, with a true minus sign; — for what is not known.
/** @type {(value: number, digits?: number) => string} */
function written(value, digits = 3) {
  if (!Number.isFinite(value)) return "—";
  const text = Math.abs(value) >= 1e5 ? value.toExponential(1) : value.toFixed(digits);
  return (/^-[0.]+$/.test(text) ? text.slice(1) : text).replace("-", "−");
}

/** @type {(value: number) => string} */
const share = (value) => (Number.isFinite(value) ? `${written(100 * value, 1)} %` : "—");

// The lowest and the highest of any number of values.
/** @type {(values: number[]) => [number, number]} */
const extent = (values) => values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);

// The average of values; NaN of none.
/** @type {(values: number[] | Float64Array) => number} */
const mean = (values) => Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;

/** @type {(length: number) => number[]} */
const range = (length) => Array.from({ length }, (_, place) => place);

// A number that a machine can read as well: all of its digits in `value`.
/** @type {(value: number, digits?: number, attributes?: Attributes) => HTMLDataElement} */
const datum = (value, digits = 3, attributes = {}) =>
  make("data", { value: String(value), ...attributes }, written(value, digits));

// A table: heads as texts, rows as lists of cells, the first of which heads its row.
/** @type {(heads: string[], rows: Child[][], attributes?: Attributes) => HTMLElement} */
function table(heads, rows, attributes = {}) {
  /** @type {(cells: Child[]) => HTMLElement} */
  const row = ([first, ...rest]) => make("tr", {}, make("th", { scope: "row" }, first), rest.map((cell) => make("td", {}, cell)));
  return make("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": heads.join(", ") },
    make("table", attributes,
      make("thead", {}, make("tr", {}, heads.map((head) => make("th", { scope: "col" }, head)))),
      make("tbody", {}, rows.map(row))));
}

// Replace options of a select, as [value, text], and choose one.
/** @type {(select: HTMLSelectElement, options: [number | string, string][], chosen: number | string) => void} */
function offer(select, options, chosen) {
  select.replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
  select.value = String(chosen);
}
