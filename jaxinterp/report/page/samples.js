// What do the data and the networks look like? A few images and a few units, above all else.

const SHOWN = { images: 10, units: 8 };
const LEAST = 0.0005;  // of a class's accuracy: less is written as 0.0 %

/** @type {(payload: Payload, networkOf: (seed: number) => Network) => HTMLElement[]} */
function samples(payload, networkOf) {
  return [make("h3", { class: "hidden" }, "Images and units"), imagesOf(payload), unitsOf(payload, networkOf)];
}

// The first image of each class, with the class's name.
/** @type {(payload: Payload) => HTMLElement} */
function imagesOf({ meta, arrays }) {
  const labels = Array.from(arrays["pool/labels"].data);
  const chosen = range(meta.classes.length).map((label) => ({ label, place: labels.indexOf(label) })).filter(({ place }) => place >= 0);
  return block("Images", `${meta.rows} × ${meta.columns} pixels; a click opens one in Try it.`,
    make("div", { class: "pictures small" }, chosen.slice(0, SHOWN.images).map(({ label, place }) => make("figure", {},
      make("a", { href: hashOf("try", { seed: meta.seeds[0], image: place }) },
        photograph(part(arrays["pool/images"], place), meta, `Test image of ${meta.classes[label]}`)),
      make("figcaption", {}, meta.classes[label])))));
}

// The units of the first network's last hidden layer whose ablation costs a class most.
/** @type {(payload: Payload, networkOf: (seed: number) => Network) => HTMLElement} */
function unitsOf({ meta, arrays }, networkOf) {
  const layer = meta.layers.length - 1, { units } = meta.layers[layer], network = networkOf(0);
  const costs = range(units).map((unit) => {
    const [cost, label] = costOf({ meta, arrays }, 0, layer, unit);
    return { unit, cost, label };
  });
  const chosen = costs.filter(({ cost }) => cost >= LEAST).sort((a, b) => b.cost - a.cost).slice(0, SHOWN.units);
  const title = "Units that a class needs most", where = `Seed ${meta.seeds[0]}, ${layerName(meta.layers[layer].site)}`;
  if (!chosen.length) return block(title, `${where}: no unit alone costs a class accuracy.`);
  const maps = chosen.map(({ unit }) => pushedBack(network, layer, unit)), scale = scaleOf(maps);
  return block(title, `${where}: its weights traced to the pixels, and how much accuracy the class loses without it; a click opens its card.`,
    make("div", { class: "pictures small" }, chosen.map(({ unit, cost, label }, place) => make("figure", {},
      make("a", { href: hashOf("explorer", { seed: meta.seeds[0], layer, unit, class: label }) },
        weightMap(maps[place], meta, scale, `${unitWord(meta.layers[layer])} ${unit}`)),
      make("figcaption", {}, make("strong", {}, `${unitWord(meta.layers[layer])} ${unit}`), ` ${meta.classes[label]}: ${share(cost)}`)))));
}

// The largest accuracy that a class loses when a unit is set to 0, and that class.
/** @type {(payload: Payload, seed: number, layer: number, unit: number) => [number, number]} */
function costOf({ arrays }, seed, layer, unit) {
  const damage = Array.from(part(arrays[`layer${layer}/damage`], seed, 0, unit), (value) => (Number.isFinite(value) ? value : -Infinity));
  const label = damage.indexOf(Math.max(...damage));
  return [damage[label], label];
}
