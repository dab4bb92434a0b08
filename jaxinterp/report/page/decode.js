// What does the page hold? Arrays with shapes, unpacked from the payload: gzip of a header and of the arrays' bytes.

/** @typedef {Float32Array | Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array} Numbers */
/** @typedef {{ shape: number[], data: Numbers }} Stored */
/** @typedef {Record<string, Stored>} Arrays */

/**
 * One operation of jaxinterp.networks.steps, by its name and fields.
 * @typedef {object} Operation
 * @property {string} operation
 * @property {string} name  of its parameters, if it has any
 * @property {string} kind  of a norm, an activation function or pooling
 * @property {number} mean
 * @property {number} std
 * @property {number} epsilon
 * @property {number} stride
 * @property {number} padding
 * @property {number} size
 * @property {number[]} shape  rows, columns and channels
 */

/** @typedef {{ site: string, operations: Operation[] }} Step  what leads to a site from the one before it */
/** @typedef {{ rows: number, columns: number, size: number, stride: number, offset: number, patch: [number, number] }} MapShape  and what a position sees: jaxinterp.networks.ReceptiveField; patch: rows and columns of what the middle one sees */
/** @typedef {{ site: string, units: number, maps: MapShape | null }} Layer  maps: of a layer of channels */

/**
 * A number that is known of every unit: jaxinterp.report.explorer.measures.Measure.
 * @typedef {object} Measure
 * @property {string} name
 * @property {string} label
 * @property {string} explanation
 * @property {string} null  what chance is; "" where nothing sensible is
 * @property {string} statistic  what is kept of the null
 * @property {boolean} high  whether the remarkable units are those with high values
 */

/**
 * What jaxinterp.report.explorer.gather says of a run in words and numbers.
 * @typedef {object} Meta
 * @property {Step[]} steps  of the networks, which share one model
 * @property {number} outputs
 * @property {string} loss
 * @property {number} rows  of an image, in pixels
 * @property {number} columns
 * @property {1 | 3} channels  of a pixel: grey, or red, green and blue
 * @property {string[]} classes
 * @property {number[]} seeds  those that the page holds
 * @property {number} all_seeds  how many were trained
 * @property {number[]} diverged
 * @property {string} left_out
 * @property {number} test_images
 * @property {string[]} kinds  of ablation
 * @property {Layer[]} layers
 * @property {Measure[]} measures
 * @property {{ name: string, explanation: string }[]} embedded  numbers of a layer's picture
 * @property {{ explainers: { name: string, model: boolean }[], texts: string[], baselines: string[], measured: number, scored: number }} labels  model: whether a language model wrote them; measured, scored: images
 * @property {{ networks: number, images: number, left_out: string }} roles  of units of the last layer: of how many seeds, on how many test images, and why of none
 * @property {"absolute" | "signed"} matching
 * @property {Record<"gradient_images" | "selectivity_images" | "counterpart_images" | "label_draws" | "pair_draws" | "restarts" | "steps", number>} used
 */

/** @typedef {{ meta: Meta, arrays: Arrays }} Payload */
/** @typedef {{ meta: Meta, arrays: Record<string, { dtype: string, shape: number[], offset: number, length: number }> }} Header */

/** @type {Record<string, new (buffer: ArrayBuffer, offset: number, length: number) => Numbers>} */
const KINDS = {
  float32: Float32Array, uint8: Uint8Array, int8: Int8Array, uint16: Uint16Array, int16: Int16Array, uint32: Uint32Array,
  int32: Int32Array,
};

// The payload of its base64 text.
/** @type {(text: string) => Promise<Payload>} */
async function decode(text) {
  const binary = atob(text.trim());
  const packed = new Uint8Array(binary.length);
  for (let place = 0; place < binary.length; place++) packed[place] = binary.charCodeAt(place);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const buffer = await new Response(stream).arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  /** @type {Header} */
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const start = Math.ceil((4 + length) / 8) * 8;
  /** @type {Arrays} */
  const arrays = {};
  for (const [name, { dtype, shape, offset }] of Object.entries(header.arrays)) {
    arrays[name] = { shape, data: new KINDS[dtype](buffer, start + offset, sizeOf(shape)) };
  }
  return { meta: header.meta, arrays };
}

/** @type {(shape: number[]) => number} */
const sizeOf = (shape) => shape.reduce((product, side) => product * side, 1);

// The part of an array at its leading indices.
/** @type {(array: Stored, ...places: number[]) => Numbers} */
function part({ shape, data }, ...places) {
  const size = sizeOf(shape.slice(places.length));
  const start = places.reduce((sum, place, axis) => sum * shape[axis] + place, 0) * size;
  return data.subarray(start, start + size);
}

// The number of an array at as many indices as it has axes.
/** @type {(array: Stored, ...places: number[]) => number} */
const entry = ({ shape, data }, ...places) => data[places.reduce((sum, place, axis) => sum * shape[axis] + place, 0)];

// A layer as it is called: the site without its last part.
/** @type {(site: string) => string} */
const layerName = (site) => site.replace(/\/post$/, "");

// A unit as it is called.
/** @type {(layer: Layer) => "channel" | "unit"} */
const unitWord = ({ maps }) => (maps ? "channel" : "unit");
