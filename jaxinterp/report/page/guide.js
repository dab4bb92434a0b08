// Where does someone start who sees the explorer for the first time? Questions, each a link to its answer.

/** @type {(payload: Payload) => HTMLElement[]} */
function guide(payload) {
  const { meta, arrays } = payload, last = meta.layers.length - 1, seed = meta.seeds[0];
  const known = quantities(payload).map(({ name }) => name);
  /** @type {(text: string, hash: string, more?: Child) => HTMLElement} */
  const item = (text, hash, more = "") => make("li", {}, make("a", { href: hash }, text), more);
  /** @type {(name: string) => string} */
  const sorted = (name) => hashOf("explorer", { seed, layer: last, sort: known.includes(name) ? name : known[1], order: "down" });
  const dead = meta.layers.map(({ site, units }, layer) => {
    const count = range(units).filter((unit) => !(entry(arrays[`layer${layer}/sd`], 0, unit) > 0)).length;
    return make("a", { href: hashOf("explorer", { seed, layer, search: "dead" }) }, `${count} in ${layerName(site)}`);
  });
  return [
    item("Which units matter?", sorted("damage_zero"), " Sorted by damage: the accuracy that a class loses without the unit."),
    item("Which unit does a class need most?", sorted("damage-zero"), " Sorted by damage to the class that is chosen below."),
    item("Which units tell classes apart?", sorted("d_prime"), " Sorted by d′, which is large where a unit tells a class from all others."),
    make("li", {}, "Which units are dead? ", dead.flatMap((link, place) => [place ? ", " : "", link]), ` of seed ${seed}.`),
    item("Has another network the same unit?", hashOf("compare", { seed, layer: last }), " Two units side by side; each card ends with its matches."),
    item("Which images are misread?", hashOf("mistakes", { seed }), " Each opens in Try it."),
    item("What does a class need?", hashOf("classes", { seed }), " The smallest sets of units that are enough, or that it cannot do without."),
  ];
}
