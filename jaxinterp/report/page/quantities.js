// By what can units be sorted and filtered? Everything that is one number a unit.

// The quantities of a payload: {name, label, explanation, of(seed, layer, unit, chosen class), nulled(…)}.
function quantities({ meta, arrays }) {
  const at = (name) => (seed, layer, unit) => part(arrays[`layer${layer}/${name}`], seed, unit);
  const measured = meta.measures.map(({ name, label, explanation, null: control, statistic, high }, place) => ({
    name, label, explanation, control, statistic, high, measure: true,
    of: (seed, layer, unit) => part(arrays[`layer${layer}/measures`], place, seed, unit),
    nulled: (seed, layer, unit) => part(arrays[`layer${layer}/nulls`], place, seed, unit),
  }));
  const others = [
    { name: "unit", label: "number of the unit", of: (seed, layer, unit) => unit, whole: true },
    { name: "firing", label: "share of images that light it", of: at("firing") },
    { name: "sd", label: "spread over images (sd)", of: at("sd") },
    { name: "class", label: "mean response to the class", of: (seed, layer, unit, chosen) =>
      part(arrays[`layer${layer}/class_mean`], seed, unit, chosen) },
    ...meta.kinds.map((kind, place) => ({
      name: `damage-${kind}`, label: `damage to the class, ${kind} ablation`,
      of: (seed, layer, unit, chosen) => part(arrays[`layer${layer}/damage`], seed, place, unit, chosen),
    })),
  ];
  const taken = new Set(measured.map(({ name }) => name));
  const [first, ...rest] = others.filter(({ name }) => !taken.has(name));
  return [first, ...measured, ...rest];
}

// The class that a unit responds to most; −1 where it responds to none.
function strongestClass({ arrays }, seed, layer, unit) {
  const means = part(arrays[`layer${layer}/class_mean`], seed, unit);
  return means.reduce((best, mean, place) => (mean > (best < 0 ? -Infinity : means[best]) ? place : best), -1);
}

// A bound as someone writes it, with a point or a comma; NaN where there is none, or where it is no number.
function bound(text) {
  const plain = text.trim().replace("−", "-").replace(",", ".");
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(plain) ? Number(plain) : NaN;
}

// The units of a layer that the view asks for, in its order. What is not known comes last and passes no filter.
function chosenUnits(payload, known, view) {
  const { seed, layer, sort, up, by, from, to, search, chosen } = view;
  const of = (name) => known.find((quantity) => quantity.name === name) ?? known[0];
  const value = (name, unit) => of(name).of(seed, layer, unit, chosen);
  const low = bound(from), high = bound(to);
  const inside = (unit) => {
    if (Number.isNaN(low) && Number.isNaN(high)) return true;
    const found = value(by, unit);
    return Number.isFinite(found) && !(found < low) && !(found > high);
  };
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const matching = (unit) => words.every((word) => described(payload, seed, layer, unit).includes(word));
  const place = (unit) => {
    const found = value(sort, unit);
    return Number.isFinite(found) ? (up ? found : -found) : Infinity;
  };
  const compare = (a, b) => (a.place === b.place ? a.unit - b.unit : a.place - b.place);
  return range(payload.meta.layers[layer].units)
    .filter((unit) => inside(unit) && matching(unit))
    .map((unit) => ({ unit, place: place(unit) })).sort(compare).map(({ unit }) => unit);
}

// The words by which search finds a unit: its number, the class that it responds to most, whether it is dead.
function described(payload, seed, layer, unit) {
  const strongest = strongestClass(payload, seed, layer, unit);
  const name = strongest < 0 ? "" : payload.meta.classes[strongest];
  const dead = part(payload.arrays[`layer${layer}/sd`], seed, unit) > 0 ? "" : "dead";
  return ` unit ${unit} #${unit} class:${name} ${name} ${dead}`.toLowerCase();
}
