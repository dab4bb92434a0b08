// What does a class need of the last hidden layer? Its smallest sets of units, how often it is carried, and which units
// act together; each set can be kept or removed in "Try it".

// Set up once; returns show(settings), which brings it to what the address says.
/** @type {(payload: Payload) => { show: (settings: URLSearchParams) => void }} */
function classesView(payload) {
  const { meta, arrays } = payload, layer = meta.layers.length - 1, { units, site } = meta.layers[layer], seen = classesSeen(payload);
  let seed = 0, chosen = seen[0];

  /** @type {(change: { seed?: number, chosen?: number }) => void} */
  const go = (change) => {
    const next = { seed, chosen, ...change };
    location.hash = hashOf("classes", { seed: meta.seeds[next.seed], class: next.chosen });
  };

  // Open "Try it" with these units set to 0, on an image of the class.
  /** @type {(removed: number[]) => void} */
  const tryWithout = (removed) => {
    const image = arrays["pool/labels"].data.indexOf(chosen);
    location.hash = hashOf("try", {
      seed: meta.seeds[seed], image: image < 0 ? "" : image, scale: removed.map((unit) => `${layer}:${unit}:0`).join(","),
    });
  };

  /** @type {(text: string, removed: number[], what: string) => HTMLElement} */
  function button(text, removed, what) {
    const made = make("button", { type: "button", "aria-label": `${text}: ${what}, in Try it` }, text);
    made.addEventListener("click", () => tryWithout(removed));
    return made;
  }

  // What to do with a set of units.
  /** @type {(set: number[]) => HTMLElement} */
  const actions = (set) => make("span", { class: "controls" },
    button("Keep only these", range(units).filter((unit) => !set.includes(unit)), `units ${set.join(", ")}`),
    button("Remove these", set, `units ${set.join(", ")}`));

  /** @type {(set: number[]) => Child[]} */
  const listed = (set) => set.flatMap((unit, place) => [place ? ", " : `${set.length === 1 ? "unit" : "units"} `,
    make("a", { href: hashOf("explorer", { seed: meta.seeds[seed], layer, unit, class: chosen }) }, `${unit}`)]);

  /** @type {(title: string, note: string, set: number[], none: string, said: string) => HTMLElement} */
  const setBlock = (title, note, set, none, said) => block(title, note,
    make("p", { class: "needed" }, ...(set.length ? [...listed(set), said] : [none])), set.length > 0 && actions(set));

  /** @type {(roles: Roles) => HTMLElement[]} */
  function needs(roles) {
    const half = Math.floor(meta.roles.images / 2), enough = roles.enough(chosen), needed = roles.needed(chosen), disjoint = roles.disjoint(chosen);
    const order = range(units).sort((a, b) => roles.shapley(chosen, b) - roles.shapley(chosen, a));
    const card = (/** @type {number} */ unit) => make("a", { href: hashOf("explorer", { seed: meta.seeds[seed], layer, unit, class: chosen }) }, `${unit}`);
    return [
      make("h3", {}, `Seed ${meta.seeds[seed]}, ${layerName(site)}: what ${meta.classes[chosen]} needs`),
      make("p", { class: "note" }, `F1 of the class ${written(roles.intact(chosen))} with all ${units} units, on ${meta.roles.images} test images. Units that are left out are set to 0, as in Try it. ` +
        `Sets are chosen on ${half} of the images; what is said of them is of the other ${half}.`),
      make("div", { class: "row" },
        setBlock("Smallest sufficient set", "It alone keeps 95 % of the F1.", enough, "There is none: the class is not told from the others.", ` keep ${share(roles.kept(chosen))} of the F1.`),
        setBlock("Smallest necessary set", "Without it, less than 10 % of the F1 is left.", needed, "There is none: the class survives without any unit.", `: without, ${share(roles.left(chosen))} of the F1 is left.`),
        block("Redundancy", "Disjoint sufficient sets: no two of them share a unit.",
          make("p", { class: "needed" }, datum(disjoint, 0), ` ${disjoint === 1 ? "set" : "sets"}`))),
      make("div", { class: "row" },
        block("Units", "Shapley value: the unit's part of the F1, over all coalitions; alone: F1 lost without this unit alone.",
          table(["unit", "Shapley value", "alone"], order.map((unit) => [card(unit), datum(roles.shapley(chosen, unit)), datum(roles.alone(chosen, unit))]))),
        block("Strongest interactions", "Shapley interaction index: below 0, two units stand in for each other; above 0, they work only together.",
          table(["units", "Shapley interaction", "in Try it"], roles.pairs(chosen).map(({ pair, interaction }) => [make("span", {}, card(pair[0]), " and ", card(pair[1])), datum(interaction), actions(pair)])))),
    ];
  }

  // Bring everything to what the settings say.
  /** @type {(settings: URLSearchParams) => void} */
  function show(settings) {
    seed = seedPlace(meta, settings);
    chosen = choice(settings, "class", meta.classes.length, seen[0]);
    offer(menu("classes-seed"), meta.seeds.map((number, place) => [place, `${number}`]), seed);
    offer(menu("classes-class"), seen.map((place) => [place, meta.classes[place]]), chosen);
    find("classes-replaced").textContent = seedReplaced(meta, settings);
    const roles = rolesOf(payload, seed);
    find("needs").replaceChildren(...(roles ? needs(roles) : [make("p", {}, noRoles(meta))]));
  }

  menu("classes-seed").addEventListener("change", () => go({ seed: Number(menu("classes-seed").value) }));
  menu("classes-class").addEventListener("change", () => go({ chosen: Number(menu("classes-class").value) }));

  return { show };
}
