// How do numbers become pictures? Grey, or their own colours, for images; for signed values blue below zero, orange
// above, paper at zero; for signed values of three channels grey at zero, each colour brighter above and darker below.

const dark = window.matchMedia("screen and (prefers-color-scheme: dark)");
/** @typedef {(value: number) => number[]} Painter  the colour of a value: red, green, blue */
/** @typedef {ArrayLike<number>} Values */

const CHANNELS = ["red", "green", "blue"];
/** @typedef {Record<string, number[]>} Shades  by name: red, green, blue */
/** @type {{ light: Shades, dark: Shades }} */
const shades = { light: {}, dark: {} };

// A colour of the style sheet in the scheme that is on: red, green, blue.
/** @type {(name: "paper" | "below" | "above" | "much") => number[]} */
function shade(name) {
  const known = shades[dark.matches ? "dark" : "light"];
  if (!known[name]) {
    const text = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
    known[name] = [1, 3, 5].map((start) => parseInt(text.slice(start, start + 2), 16));
  }
  return known[name];
}

// The colour that lies a share of the way from paper to another colour: red, green, blue.
/** @type {(share: number, name: "below" | "above" | "much") => number[]} */
function mixed(share, name) {
  const far = shade(name);
  return shade("paper").map((channel, place) => Math.round(channel + share * (far[place] - channel)));
}

/** @type {(value: number) => "below" | "above"} */
const end = (value) => (value < 0 ? "below" : "above");

// The colour of a signed value on a scale: red, green, blue.
/** @type {(value: number, scale: number) => number[]} */
const signed = (value, scale) => mixed(Math.min(1, Math.abs(value) / (scale || 1)) ** 0.85, end(value));

// The colour of an amount on a scale, from paper at none to grey: red, green, blue.
/** @type {(value: number, scale: number) => number[]} */
const amount = (value, scale) => mixed(Math.max(0, Math.min(1, value / (scale || 1))), "much");

// A signed value as a tint behind text, which stays readable on it; no colour where the value is not known.
/** @type {(value: number, scale: number) => string} */
function tint(value, scale) {
  if (!Number.isFinite(value)) return "";
  return `rgb(${mixed(0.45 * Math.min(1, Math.abs(value) / (scale || 1)), end(value)).join(" ")})`;
}

// A signed value of one of three channels, on a scale: grey at zero.
/** @type {(value: number, scale: number) => number[]} */
function level(value, scale) {
  const grey = Math.round(127.5 + 127.5 * Math.max(-1, Math.min(1, value / (scale || 1))));
  return [grey, grey, grey];
}

// A canvas of values "rows columns", or "rows columns channels", drawn by colour(value) → [red, green, blue]; each of
// three channels keeps its own part of the colour. label is the canvas's alternative text.
/** @type {(values: Values, rows: number, columns: number, colour: Painter, label: string, attributes?: Attributes) => HTMLCanvasElement} */
function picture(values, rows, columns, colour, label, attributes = {}) {
  const canvas = make("canvas", { width: columns, height: rows, role: "img", "aria-label": label, ...attributes });
  paint(canvas, values, colour);
  return canvas;
}

/** @type {(canvas: HTMLCanvasElement, values: Values, colour: Painter) => void} */
function paint(canvas, values, colour) {
  const context = canvas.getContext("2d", { willReadFrequently: true });  // small, many, and never worth a GPU
  if (!context) throw new Error("this browser draws no pictures");
  const image = context.createImageData(canvas.width, canvas.height);
  const pixels = canvas.width * canvas.height, coloured = values.length === 3 * pixels;
  for (let place = 0; place < pixels; place++) {
    const [red, green, blue] = coloured
      ? [0, 1, 2].map((channel) => colour(values[3 * place + channel])[channel])
      : colour(values[place]);
    image.data.set([red, green, blue, 255], 4 * place);
  }
  context.putImageData(image, 0, 0);
}

/** @type {Painter} */
const ink = (value) => [value, value, value];

// An image of bytes, as stored.
/** @type {(bytes: Values, meta: Meta, label: string, attributes?: Attributes) => HTMLCanvasElement} */
const photograph = (bytes, meta, label, attributes = {}) =>
  picture(bytes, meta.rows, meta.columns, ink, label, { class: "image", ...attributes });

// The colour of a weight on a pixel, or on one of its three channels, on a scale.
/** @type {(meta: Meta, scale: number) => Painter} */
const weightColour = ({ channels }, scale) => (value) => (channels === 1 ? signed : level)(value, scale);

// Weights on the pixels, on a scale.
/** @type {(values: Values, meta: Meta, scale: number, label: string, attributes?: Attributes) => HTMLCanvasElement} */
const weightMap = (values, meta, scale, label, attributes = {}) =>
  picture(values, meta.rows, meta.columns, weightColour(meta, scale), label, { class: "map", ...attributes });

// Where a map is largest, in words.
/** @type {(values: Float64Array, meta: Meta) => string} */
function extremes(values, meta) {
  /** @type {(place: number) => string} */
  const at = (place) => {
    const pixel = Math.floor(place / meta.channels), channel = meta.channels === 1 ? "" : ` in ${CHANNELS[place % meta.channels]}`;
    return `${written(values[place])}${channel} at row ${Math.floor(pixel / meta.columns)}, column ${pixel % meta.columns}`;
  };
  let lowest = 0, highest = 0;
  values.forEach((value, place) => {
    if (value < values[lowest]) lowest = place;
    if (value > values[highest]) highest = place;
  });
  return `highest ${at(highest)}; lowest ${at(lowest)}`;
}

// A scale that all but two in a thousand of the values fit into.
/** @type {(maps: Float64Array[]) => number} */
function scaleOf(maps) {
  const sizes = Float64Array.from(maps.flatMap((map) => Array.from(map, Math.abs))).sort();
  return sizes[Math.floor(0.998 * (sizes.length - 1))] || 1;
}

// The legend of values from low to high, as colour(value) draws them.
/** @type {(low: number, high: number, colour: Painter, what: string) => HTMLElement} */
function legend(low, high, colour, what) {
  const digits = Math.max(2, 1 - Math.floor(Math.log10(Math.max(Math.abs(low), Math.abs(high)))));
  const steps = Float64Array.from(range(41), (step) => low + (step / 40) * (high - low));
  return make("figure", { class: "legend" },
    make("figcaption", {}, what),
    make("span", { class: "chart" }, written(low, digits),
      picture(steps, 1, 41, colour, `colours from ${written(low, digits)} on the left to ${written(high, digits)} on the right`),
      `${low < 0 ? "+" : ""}${written(high, digits)}`));
}
