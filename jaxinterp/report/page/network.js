// What does a network answer? The forward pass of jaxinterp.networks, step by step, with units scaled on the way.
// ACTIVATIONS and NORMS_OVER_UNITS come from the tables in jaxinterp/choices.py; report/build.py writes them.

/** @typedef {{ shape: number[], kernel: Numbers, bias: Numbers }} Linear  shape: of the kernel, inputs and outputs last */
/** @typedef {{ scale: Numbers, bias: Numbers, kept: { mean: Numbers, variance: Numbers } | null }} Norm */
/** @typedef {{ inputs: number, outputs: number, kernel: Float64Array } | null} Links  null: not of single units */
/** @typedef {{ meta: Meta, linear: Record<string, Linear>, norms: Record<string, Norm>, maps: (Float64Array[] | null)[] }} Plain  maps: every unit's mean gradient */
/** @typedef {Plain & { links: Links[] }} Network */
/** @typedef {{ rows: number, columns: number, data: Float64Array }} Maps  row by row, column by column, channels last */

// One network of the payload, by its place among the seeds.
/** @type {(payload: Payload, place: number) => Network} */
function networkAt({ meta, arrays }, place) {
  /** @type {(name: string) => Numbers} */
  const get = (name) => part(arrays[name], place);
  /** @type {Plain} */
  const network = { meta, linear: {}, norms: {}, maps: [] };
  for (const { name, operation } of meta.steps.flatMap(({ operations }) => operations)) {
    if (operation === "Dense" || operation === "Convolution") {
      const [, ...shape] = arrays[`params/${name}/kernel`].shape;
      network.linear[name] = { shape, kernel: get(`params/${name}/kernel`), bias: get(`params/${name}/bias`) };
    } else if (operation === "Norm") {
      const kept = `batch_stats/${name}/mean` in arrays
        ? { mean: get(`batch_stats/${name}/mean`), variance: get(`batch_stats/${name}/var`) } : null;
      network.norms[name] = { scale: get(`params/${name}/scale`), bias: get(`params/${name}/bias`), kept };
    }
  }
  network.maps = meta.layers.map(({ units }, layer) => (`layer${layer}/map` in arrays ? range(units).map((unit) => {
    const largest = entry(arrays[`layer${layer}/map_largest`], place, unit);
    return Float64Array.from(part(arrays[`layer${layer}/map`], place, unit), (value) => (value / 127) * largest);
  }) : null));
  return { ...network, links: linked(network) };
}

// Logits, the activations of every layer's units, of a channel their mean over its map, and the maps themselves.
// scales: "layer:unit" → what the activation is multiplied by.
/** @typedef {{ logits: Float64Array, activations: Float64Array[], layerMaps: Maps[] }} Answer */
/** @type {(network: Plain, image: Float64Array, scales?: Map<string, number>) => Answer} */
function forward(network, image, scales = new Map()) {
  const { meta: { steps, layers } } = network;
  /** @type {Maps} */
  let maps = { rows: 1, columns: 1, data: image };
  /** @type {Float64Array[]} */
  const activations = [];
  /** @type {Maps[]} */
  const layerMaps = [];
  for (const { site, operations } of steps) {
    for (const operation of operations) maps = applied(network, operation, maps);
    const layer = layers.findIndex((own) => own.site === site);
    if (layer < 0) continue;
    const { units } = layers[layer], positions = maps.rows * maps.columns;
    maps = { ...maps, data: maps.data.map((value, place) => value * (scales.get(`${layer}:${place % units}`) ?? 1)) };
    const means = new Float64Array(units);
    maps.data.forEach((value, place) => { means[place % units] += value / positions; });
    activations.push(means);
    layerMaps.push(maps);
  }
  return { logits: maps.data, activations, layerMaps };
}

// The map of one of so many channels.
/** @type {(maps: Maps, channel: number, channels: number) => Float64Array} */
const channelOf = ({ rows, columns, data }, channel, channels) => Float64Array.from({ length: rows * columns }, (_, place) => data[place * channels + channel]);

// What a channel's kernel has for each channel that it reads, as maps row by row.
/** @type {(layer: Linear, channel: number) => Float64Array[]} */
function filtersOf({ shape: [height, width, inputs, outputs], kernel }, channel) {
  return range(inputs).map((input) => Float64Array.from({ length: height * width }, (_, place) => kernel[(place * inputs + input) * outputs + channel]));
}

/** @type {(network: Plain, operation: Operation, maps: Maps) => Maps} */
function applied({ linear, norms }, operation, maps) {
  const { data } = maps;
  switch (operation.operation) {
    case "Scaling": return { ...maps, data: data.map((value) => (value - operation.mean) / operation.std) };
    case "Dense": return { ...maps, data: affine(linear[operation.name], data) };
    case "Unflattening": return { rows: operation.shape[0], columns: operation.shape[1], data };
    case "Convolution": return convolution(linear[operation.name], operation, maps);
    case "Norm": return { ...maps, data: normalized(norms[operation.name], operation, data) };
    case "Activation": return { ...maps, data: data.map(ACTIVATIONS[operation.kind]) };
    case "Pooling": return pooled(operation, maps);
    case "Flattening": return { rows: 1, columns: 1, data };
    default: throw new Error(`no operation ${operation.operation}`);
  }
}

/** @type {(layer: Linear, values: Float64Array) => Float64Array} */
function affine({ shape: [inputs, outputs], kernel, bias }, values) {
  const sums = Float64Array.from(bias);
  for (let input = 0; input < inputs; input++) {
    const value = values[input];
    if (value === 0) continue;
    for (let output = 0, place = input * outputs; output < outputs; output++) sums[output] += value * kernel[place + output];
  }
  return sums;
}

// A cross-correlation between zeros: at each position, the kernel's product with what lies under it.
/** @type {(layer: Linear, operation: Operation, maps: Maps) => Maps} */
function convolution({ shape: [height, width, inputs, outputs], kernel, bias }, { stride, padding }, maps) {
  const rows = Math.floor((maps.rows + 2 * padding - height) / stride) + 1;
  const columns = Math.floor((maps.columns + 2 * padding - width) / stride) + 1;
  const data = new Float64Array(rows * columns * outputs);
  for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) {
    const to = (row * columns + column) * outputs;
    data.set(bias, to);
    for (let down = 0; down < height; down++) for (let right = 0; right < width; right++) {
      const y = row * stride + down - padding, x = column * stride + right - padding;
      if (y < 0 || x < 0 || y >= maps.rows || x >= maps.columns) continue;
      for (let input = 0; input < inputs; input++) {
        const value = maps.data[(y * maps.columns + x) * inputs + input];
        const from = ((down * width + right) * inputs + input) * outputs;
        for (let output = 0; value !== 0 && output < outputs; output++) data[to + output] += value * kernel[from + output];
      }
    }
  }
  return { rows, columns, data };
}

// The largest or mean value of each square; what the edge would cut is left out.
/** @type {(operation: Operation, maps: Maps) => Maps} */
function pooled({ kind, size }, maps) {
  const channels = maps.data.length / (maps.rows * maps.columns);
  const rows = Math.floor(maps.rows / size), columns = Math.floor(maps.columns / size);
  const data = new Float64Array(rows * columns * channels).fill(kind === "max" ? -Infinity : 0);
  for (let row = 0; row < rows * size; row++) for (let column = 0; column < columns * size; column++) {
    const from = (row * maps.columns + column) * channels, to = (Math.floor(row / size) * columns + Math.floor(column / size)) * channels;
    for (let channel = 0; channel < channels; channel++) {
      const value = maps.data[from + channel];
      data[to + channel] = kind === "max" ? Math.max(data[to + channel], value) : data[to + channel] + value / size ** 2;
    }
  }
  return { rows, columns, data };
}

// A norm over units standardises the values of this image at each position; any other uses the statistics that training
// kept.
/** @type {(norm: Norm, operation: Operation, values: Float64Array) => Float64Array} */
function normalized({ kept, scale, bias }, { kind, epsilon }, values) {
  const units = scale.length, standard = new Float64Array(values.length);
  for (let start = 0; start < values.length; start += units) {
    const own = values.slice(start, start + units);
    standard.set(kept
      ? own.map((value, unit) => (value - kept.mean[unit]) / Math.sqrt(kept.variance[unit] + epsilon))
      : NORMS_OVER_UNITS[kind](own, epsilon), start);
  }
  return standard.map((value, place) => value * scale[place % units] + bias[place % units]);
}

// What a norm multiplies a unit by. The division of a norm over units depends on the image, and is left out.
/** @type {(norm: Norm, operation: Operation, unit: number) => number} */
const gain = ({ scale, kept }, { epsilon }, unit) => (kept ? scale[unit] / Math.sqrt(kept.variance[unit] + epsilon) : scale[unit]);

// What each layer, and last the outputs, read from what the activation function before leaves: kernels "in out", with
// norms and the input's scaling folded in. Convolutions, and what reads their maps, have no weights of single units.
/** @type {(network: Plain) => Links[]} */
function linked({ meta, linear, norms }) {
  /** @type {Links[]} */
  const found = [];
  /** @type {(source: number) => number} */
  let before = () => 1;
  let flattened = false;
  for (const operation of meta.steps.flatMap(({ operations }) => operations)) {
    const links = found.at(-1);
    if (operation.operation === "Scaling") before = () => 1 / operation.std;
    else if (operation.operation === "Flattening") flattened = true;
    else if (operation.operation === "Convolution") found.push(null);
    else if (operation.operation === "Dense") {
      const { shape: [inputs, outputs], kernel } = linear[operation.name], own = before;
      const scaled = Float64Array.from(kernel, (value, place) => value * own(Math.floor(place / outputs)));
      found.push(flattened ? null : { inputs, outputs, kernel: scaled });
      flattened = false;
      before = () => 1;
    } else if (operation.operation === "Norm") {
      const norm = norms[operation.name];
      const opensStep = meta.steps.some(({ operations: [first] }) => first === operation);
      if (opensStep) before = (source) => gain(norm, operation, source);
      else links?.kernel.forEach((value, place) => { links.kernel[place] = value * gain(norm, operation, place % links.outputs); });
    }
  }
  return found;
}

// Weights of a unit on the pixels: its own in the first layer; deeper, the kernels' product, activation functions ignored.
// Where convolutions leave no such weights: its mean gradient over images, which the payload then holds.
/** @type {(network: Network, layer: number, unit: number) => Float64Array} */
function pushedBack(network, layer, unit) {
  const own = network.links[layer], stored = network.maps[layer];
  if (stored) return stored[unit];
  if (!own) return new Float64Array(network.meta.rows * network.meta.columns).fill(NaN);
  let shares = Float64Array.from({ length: own.inputs }, (_, source) => own.kernel[source * own.outputs + unit]);
  for (const below of network.links.slice(0, layer).reverse()) {
    if (!below) break;
    const { inputs, outputs, kernel } = below;
    const next = new Float64Array(inputs);
    for (let source = 0, place = 0; source < inputs; source++) {
      let sum = 0;
      for (let target = 0; target < outputs; target++, place++) sum += shares[target] * kernel[place];
      next[source] = sum;
    }
    shares = next;
  }
  return shares;
}

// Probabilities of the classes; of the one class that a single logit speaks for. Outputs that are values have none.
/** @type {(logits: Float64Array, loss: string) => number[]} */
function probabilities(logits, loss) {
  if (loss === "squared_error") return Array.from(logits, () => NaN);
  if (logits.length === 1) return [1 / (1 + Math.exp(-logits[0]))];
  const highest = Math.max(...logits);
  const powers = Array.from(logits, (logit) => Math.exp(logit - highest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

// The class that outputs are read as, and its probability; NaN where outputs are values.
/** @typedef {{ label: number, chance: number }} Reading */
/** @type {(meta: Meta, logits: Float64Array) => Reading} */
function readingOf({ outputs, loss }, logits) {
  const chances = probabilities(logits, loss);
  if (outputs > 1) {
    const label = logits.indexOf(Math.max(...logits));
    return { label, chance: chances[label] };
  }
  const positive = logits[0] > (loss === "squared_error" ? 0.5 : 0);
  return { label: Number(positive), chance: positive ? chances[0] : 1 - chances[0] };
}
