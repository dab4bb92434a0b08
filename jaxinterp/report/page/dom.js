// How is an element made? Text always stays text: nothing here, or elsewhere, parses markup.

const find = (id) => document.getElementById(id);

// An element with attributes and children. Children are elements, texts or lists of them; `on` holds listeners.
function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

// The same for SVG.
function makeSvg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(element, { on = {}, ...attributes }, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  for (const [event, listener] of Object.entries(on)) element.addEventListener(event, listener);
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== false));
  return element;
}

// A number as text, with a true minus sign; — for what is not known.
function written(value, digits = 3) {
  if (!Number.isFinite(value)) return "—";
  const text = Math.abs(value) >= 1e5 ? value.toExponential(1) : value.toFixed(digits);
  return (/^-[0.]+$/.test(text) ? text.slice(1) : text).replace("-", "−");
}

const share = (value) => (Number.isFinite(value) ? `${written(100 * value, 1)} %` : "—");

// The lowest and the highest of any number of values.
const extent = (values) => values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);

const range = (length) => Array.from({ length }, (_, place) => place);

// A number that a machine can read as well: all of its digits in `value`.
const datum = (value, digits = 3, attributes = {}) =>
  make("data", { value: String(value), ...attributes }, written(value, digits));

// A table: heads as texts, rows as lists of cells, the first of which heads its row.
function table(heads, rows, attributes = {}) {
  const row = ([first, ...rest]) => make("tr", {}, make("th", { scope: "row" }, first), rest.map((cell) => make("td", {}, cell)));
  return make("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": heads.join(", ") },
    make("table", attributes,
      make("thead", {}, make("tr", {}, heads.map((head) => make("th", { scope: "col" }, head)))),
      make("tbody", {}, rows.map(row))));
}

// Replace options of a select, as [value, text], and choose one.
function offer(select, options, chosen) {
  select.replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
  select.value = String(chosen);
}
