// By what can units be sorted and filtered? Every quantity that is one number per unit.

/** @typedef {(seed: number, layer: number, unit: number, chosen: number) => number} Of  of a unit, and of the chosen class */

/**
 * A quantity that is one number per unit.
 * @typedef {object} Quantity
 * @property {string} name
 * @property {string} label
 * @property {Of} of
 * @property {boolean} [whole]  whether it is a whole number
 */
/** @typedef {Quantity & { measure: Measure, nulled: Of }} Measured  a quantity that a measure describes, and its null */

/**
 * What the explorer shows, as its address has it: places of the seed, the layer, the unit and the chosen class.
 * @typedef {object} View
 * @property {number} seed
 * @property {number} layer
 * @property {number} unit
 * @property {number} chosen
 * @property {string} sort  the quantity that orders the list
 * @property {boolean} up  whether the lowest comes first
 * @property {string} by  the quantity that filters the list
 * @property {string} from
 * @property {string} to
 * @property {string} search
 * @property {string} pictures
 */

// The classes that test images of the page have: a run on some classes has outputs for the others, too.
/** @type {(payload: Payload) => number[]} */
const classesSeen = ({ meta, arrays }) => {
  const labels = new Set(arrays["pool/labels"].data);
  const all = range(meta.classes.length), seen = all.filter((label) => labels.has(label));
  return seen.length ? seen : all;
};

const DEAD = "dead: the same activation on every test image";
/** @type {(payload: Payload, seed: number, layer: number, unit: number) => boolean} */
const isDead = ({ arrays }, seed, layer, unit) => !(entry(arrays[`layer${layer}/sd`], seed, unit) > 0);

// The quantities that the payload's measures describe.
/** @type {(payload: Payload) => Measured[]} */
const measuredOf = ({ meta, arrays }) => meta.measures.map((measure, place) => ({
  name: measure.name, label: measure.label, measure,
  of: (seed, layer, unit) => entry(arrays[`layer${layer}/measures`], place, seed, unit),
  nulled: (seed, layer, unit) => entry(arrays[`layer${layer}/nulls`], place, seed, unit),
}));

// All quantities of a payload; the unit's number comes first.
/** @type {(payload: Payload) => Quantity[]} */
function quantities(payload) {
  const { meta, arrays } = payload, measured = measuredOf(payload);
  /** @type {(name: string) => Of} */
  const at = (name) => (seed, layer, unit) => entry(arrays[`layer${layer}/${name}`], seed, unit);
  /** @type {Quantity[]} */
  const others = [
    { name: "unit", label: "number of the unit", of: (seed, layer, unit) => unit, whole: true },
    { name: "firing", label: "share of images that activate it", of: at("firing") },
    { name: "sd", label: "spread over images (sd)", of: at("sd") },
    { name: "class", label: "mean response to the class", of: (seed, layer, unit, chosen) =>
      entry(arrays[`layer${layer}/class_mean`], seed, unit, chosen) },
    ...meta.kinds.map((kind, place) => /** @type {Quantity} */ ({
      name: `damage-${kind}`, label: `damage to the class, ${kind} ablation`,
      of: (seed, layer, unit, chosen) => entry(arrays[`layer${layer}/damage`], seed, place, unit, chosen),
    })),
  ];
  const taken = new Set(measured.map(({ name }) => name));
  const [first, ...rest] = others.filter(({ name }) => !taken.has(name));
  return [first, ...measured, ...rest];
}

// The class that a unit responds to most; −1 where it responds to none.
/** @type {(payload: Payload, seed: number, layer: number, unit: number) => number} */
function strongestClass({ arrays }, seed, layer, unit) {
  const means = Array.from(part(arrays[`layer${layer}/class_mean`], seed, unit));
  return means.reduce((best, value, place) => (value > (best < 0 ? -Infinity : means[best]) ? place : best), -1);
}

// A bound as someone writes it, with a point or a comma; NaN where there is none, or where it is no number.
/** @type {(text: string) => number} */
function bound(text) {
  const plain = text.trim().replace("−", "-").replace(",", ".");
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(plain) ? Number(plain) : NaN;
}

// The units of a layer that the view asks for, in its order. What is not known comes last and passes no filter.
/** @type {(payload: Payload, known: Quantity[], view: View) => number[]} */
function chosenUnits(payload, known, view) {
  const { seed, layer, sort, up, by, from, to, search, chosen } = view;
  /** @type {(name: string, unit: number) => number} */
  const value = (name, unit) => (known.find((quantity) => quantity.name === name) ?? known[0]).of(seed, layer, unit, chosen);
  const low = bound(from), high = bound(to);
  /** @type {(unit: number) => boolean} */
  const inside = (unit) => {
    if (Number.isNaN(low) && Number.isNaN(high)) return true;
    const found = value(by, unit);
    return Number.isFinite(found) && !(found < low) && !(found > high);
  };
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  /** @type {(unit: number) => boolean} */
  const matching = (unit) => words.every((word) => described(payload, seed, layer, unit).includes(word));
  /** @type {(unit: number) => number} */
  const place = (unit) => {
    const found = value(sort, unit);
    return Number.isFinite(found) ? (up ? found : -found) : Infinity;
  };
  return range(payload.meta.layers[layer].units)
    .filter((unit) => inside(unit) && matching(unit))
    .map((unit) => ({ unit, place: place(unit) }))
    .sort((a, b) => (a.place === b.place ? a.unit - b.unit : a.place - b.place)).map(({ unit }) => unit);
}

/** @typedef {{ name: string, model: boolean, text: string, score: number }} Label  of a unit, and who wrote it */

// What a unit is called, by those who labelled it.
/** @type {(payload: Payload, seed: number, layer: number, unit: number) => Label[]} */
function labelsOf({ meta: { labels }, arrays }, seed, layer, unit) {
  return labels.explainers.map(({ name, model }, place) => ({
    name, model, text: labels.texts[entry(arrays[`layer${layer}/label`], place, seed, unit)] ?? "",
    score: entry(arrays[`layer${layer}/label_score`], place, seed, unit),
  })).filter(({ text }) => text !== "");
}

// The words by which search finds a unit: its number, the class that it responds to most, whether it is dead, its labels.
/** @type {(payload: Payload, seed: number, layer: number, unit: number) => string} */
function described(payload, seed, layer, unit) {
  const strongest = strongestClass(payload, seed, layer, unit);
  const name = strongest < 0 ? "" : payload.meta.classes[strongest];
  const dead = isDead(payload, seed, layer, unit) ? "dead" : "";
  const labels = labelsOf(payload, seed, layer, unit).map(({ text }) => text).join(" ");
  return ` unit ${unit} #${unit} class:${name} ${name} ${dead} ${labels}`.toLowerCase();
}
