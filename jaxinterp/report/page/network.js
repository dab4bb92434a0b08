// What does a network answer? The forward pass of jaxinterp.networks.MLP, with units scaled on the way.
// ACTIVATIONS and NORMS_OVER_UNITS come from the tables in jaxinterp/choices.py; report/build.py writes them.

/** @typedef {{ inputs: number, outputs: number, kernel: Numbers, bias: Numbers }} Linear */
/** @typedef {{ scale: Numbers, bias: Numbers, kept: { mean: Numbers, variance: Numbers } | null }} Norm */
/** @typedef {{ model: Model, layers: Linear[], norms: (Norm | null)[] }} Plain */
/** @typedef {Plain & { folded: Float64Array[] }} Network */

// One network of the payload, by its place among the seeds: its model, a list of linear layers, and their norms.
/** @type {(payload: Payload, place: number) => Network} */
function networkAt({ meta, arrays }, place) {
  /** @type {(name: string) => Numbers} */
  const get = (name) => part(arrays[name], place);
  /** @type {(name: string) => Linear} */
  const linear = (name) => {
    const [, inputs, outputs] = arrays[`params/${name}/kernel`].shape;
    return { inputs, outputs, kernel: get(`params/${name}/kernel`), bias: get(`params/${name}/bias`) };
  };
  /** @type {(layer: number) => Norm} */
  const norm = (layer) => ({
    scale: get(`params/norm${layer}/scale`), bias: get(`params/norm${layer}/bias`),
    kept: `batch_stats/norm${layer}/mean` in arrays ? { mean: get(`batch_stats/norm${layer}/mean`), variance: get(`batch_stats/norm${layer}/var`) } : null,
  });
  const hidden = meta.model.widths.map((_, layer) => `hidden${layer}`);
  const network = {
    model: meta.model,
    layers: [...hidden, "output"].map(linear),
    norms: hidden.map((_, layer) => (meta.model.norm === "none" ? null : norm(layer))),
  };
  return { ...network, folded: folded(network) };
}

// Logits, and the activations of every hidden layer. scales: "layer:unit" → what the activation is multiplied by.
/** @type {(network: Plain, image: Float64Array, scales?: Map<string, number>) => { logits: Float64Array, activations: Float64Array[] }} */
function forward(network, image, scales = new Map()) {
  const { model, layers, norms } = network;
  /** @type {Float64Array} */
  let values = Float64Array.from(image, (pixel) => (pixel - model.input_mean) / model.input_std);
  /** @type {Float64Array[]} */
  const activations = [];
  for (let layer = 0; layer < norms.length; layer++) {
    values = affine(layers[layer], values);
    if (model.norm_position === "before") values = normalized(model, norms[layer], values);
    values = values.map(ACTIVATIONS[model.activation]);
    values = values.map((value, unit) => value * (scales.get(`${layer}:${unit}`) ?? 1));
    activations.push(values);
    if (model.norm_position === "after") values = normalized(model, norms[layer], values);
  }
  return { logits: affine(layers[norms.length], values), activations };
}

/** @type {(layer: Linear, values: Float64Array) => Float64Array} */
function affine({ inputs, outputs, kernel, bias }, values) {
  const sums = Float64Array.from(bias);
  for (let input = 0; input < inputs; input++) {
    const value = values[input];
    if (value === 0) continue;
    for (let output = 0, place = input * outputs; output < outputs; output++) sums[output] += value * kernel[place + output];
  }
  return sums;
}

// A norm over units standardises the values of this image; any other uses the statistics that training kept.
/** @type {(model: Model, norm: Norm | null, values: Float64Array) => Float64Array} */
function normalized(model, norm, values) {
  if (norm === null) return values;
  const { kept, scale, bias } = norm;
  const standard = kept
    ? values.map((value, unit) => (value - kept.mean[unit]) / Math.sqrt(kept.variance[unit] + model.norm_epsilon))
    : NORMS_OVER_UNITS[model.norm](values, model.norm_epsilon);
  return standard.map((value, unit) => value * scale[unit] + bias[unit]);
}

// What a norm multiplies a unit by. The division of a norm over units depends on the image, and is left out.
/** @type {(network: Plain, layer: number, unit: number) => number} */
function gain(network, layer, unit) {
  const norm = network.norms[layer];
  if (!norm) return 1;
  return norm.kept ? norm.scale[unit] / Math.sqrt(norm.kept.variance[unit] + network.model.norm_epsilon) : norm.scale[unit];
}

// Every layer's kernel "in out" from what the activation function leaves, with norms and the input's scaling folded in.
/** @type {(network: Plain) => Float64Array[]} */
function folded(network) {
  const after = network.model.norm_position === "after";
  return network.layers.map(({ inputs, outputs, kernel }, layer) => {
    const before = range(inputs).map((source) =>
      layer === 0 ? 1 / network.model.input_std : after ? gain(network, layer - 1, source) : 1);
    const behind = range(outputs).map((target) => (after || layer === network.norms.length ? 1 : gain(network, layer, target)));
    return Float64Array.from(kernel, (value, place) =>
      value * before[Math.floor(place / outputs)] * behind[place % outputs]);
  });
}

// Weights of a unit on the pixels: its own in the first layer; deeper, the kernels' product, activation functions ignored.
/** @type {(network: Network, layer: number, unit: number) => Float64Array} */
function pushedBack(network, layer, unit) {
  const top = network.layers[layer], own = network.folded[layer];
  let shares = Float64Array.from({ length: top.inputs }, (_, source) => own[source * top.outputs + unit]);
  for (let below = layer - 1; below >= 0; below--) {
    const { inputs, outputs } = network.layers[below], kernel = network.folded[below];
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
