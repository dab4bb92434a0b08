// How do numbers become pictures? Grey for images; for signed values blue below zero, orange above, paper at zero.

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const BELOW = { light: [0, 90, 160], dark: [86, 180, 255] };
const ABOVE = { light: [200, 75, 0], dark: [255, 150, 70] };
const PAPER = { light: [255, 255, 255], dark: [20, 23, 27] };

// The colour of a signed value on a scale: red, green, blue.
function signed(value, scale) {
  const scheme = dark.matches ? "dark" : "light";
  const strength = Math.min(1, Math.abs(value) / (scale || 1)) ** 0.85;
  const end = (value < 0 ? BELOW : ABOVE)[scheme];
  return PAPER[scheme].map((channel, place) => Math.round(channel + strength * (end[place] - channel)));
}

// The same as a tint behind text, which stays readable on it; no colour where the value is not known.
function tint(value, scale) {
  if (!Number.isFinite(value)) return "";
  const scheme = dark.matches ? "dark" : "light", strength = 0.45 * Math.min(1, Math.abs(value) / (scale || 1));
  const end = (value < 0 ? BELOW : ABOVE)[scheme];
  return `rgb(${PAPER[scheme].map((channel, place) => Math.round(channel + strength * (end[place] - channel))).join(" ")})`;
}

// A canvas of values "rows columns", drawn by colour(value) → [red, green, blue]; label is its alternative text.
function picture(values, rows, columns, colour, label, attributes = {}) {
  const canvas = make("canvas", { width: columns, height: rows, role: "img", "aria-label": label, ...attributes });
  paint(canvas, values, colour);
  return canvas;
}

function paint(canvas, values, colour) {
  const context = canvas.getContext("2d", { willReadFrequently: true });  // small, many, and never worth a GPU
  const image = context.createImageData(canvas.width, canvas.height);
  for (let place = 0; place < values.length; place++) {
    const [red, green, blue] = colour(values[place]);
    image.data.set([red, green, blue, 255], 4 * place);
  }
  context.putImageData(image, 0, 0);
}

const ink = (value) => [value, value, value];

// An image of bytes, as stored.
const photograph = (bytes, meta, label, attributes = {}) =>
  picture(bytes, meta.rows, meta.columns, ink, label, { class: "image", ...attributes });

// Weights on the pixels, on a scale.
const weightMap = (values, meta, scale, label, attributes = {}) =>
  picture(values, meta.rows, meta.columns, (value) => signed(value, scale), label, { class: "map", ...attributes });

// Where a map is largest, in words.
function extremes(values, meta) {
  const at = (place) => `${written(values[place])} at row ${Math.floor(place / meta.columns)}, column ${place % meta.columns}`;
  let lowest = 0, highest = 0;
  values.forEach((value, place) => {
    if (value < values[lowest]) lowest = place;
    if (value > values[highest]) highest = place;
  });
  return `highest ${at(highest)}; lowest ${at(lowest)}`;
}

// A scale that all but two in a thousand of the values fit into.
function scaleOf(maps) {
  const sizes = Float64Array.from(maps.flatMap((map) => Array.from(map, Math.abs))).sort();
  return sizes[Math.floor(0.998 * (sizes.length - 1))] || 1;
}

// The legend of values from low to high, as colour(value) draws them.
function legend(low, high, colour, what) {
  const steps = Float64Array.from(range(41), (step) => low + (step / 40) * (high - low));
  return make("figure", { class: "legend" },
    make("figcaption", {}, what),
    make("span", { class: "chart" }, written(low, 2),
      picture(steps, 1, 41, colour, `colours from ${written(low, 2)} on the left to ${written(high, 2)} on the right`),
      `${low < 0 ? "+" : ""}${written(high, 2)}`));
}
