// Which images does a network misread, and as what? Each opens in "Try it".

const CONFUSIONS = 8;  // pairs of classes that are listed

// Set up once; returns show(settings), which brings it to what the address says.
/** @type {(payload: Payload, readAll: ReadAll) => { show: (settings: URLSearchParams) => void }} */
function mistakesView(payload, readAll) {
  const { meta, arrays } = payload, labels = Array.from(arrays["pool/labels"].data), count = meta.classes.length;
  let view = { seed: 0, label: -1, read: -1 };

  /** @type {(change: Partial<typeof view>) => string} */
  const hash = (change) => {
    const { seed, label, read } = { ...view, ...change };
    return hashOf("mistakes", { seed: meta.seeds[seed], label: label < 0 ? "" : label, read: read < 0 ? "" : read });
  };

  /** @type {(settings: URLSearchParams) => Promise<void>} */
  async function show(settings) {
    const asked = { seed: seedPlace(meta, settings), label: choice(settings, "label", count, -1), read: choice(settings, "read", count, -1) };
    view = asked;
    /** @type {[string | number, string][]} */
    const classes = [["", "any class"], ...meta.classes.map((name, place) => /** @type {[number, string]} */ ([place, name]))];
    const shown = [classes[0], ...classesSeen(payload).map((label) => classes[label + 1])];
    offer(menu("mistakes-seed"), meta.seeds.map((number, place) => [place, `${number}`]), view.seed);
    offer(menu("mistakes-label"), shown, view.label < 0 ? "" : view.label);
    offer(menu("mistakes-read"), classes, view.read < 0 ? "" : view.read);
    find("mistakes-replaced").textContent = seedReplaced(meta, settings);
    const readings = await readAll(view.seed, (done) => { if (view === asked) find("mistakes-note").textContent = `Reading the images: ${share(done)}.`; });
    if (view === asked) list(readings);  // unless another seed was asked for meanwhile
  }

  /** @type {(readings: Reading[]) => void} */
  function list(readings) {
    const { seed, label, read } = view;
    const wrong = range(readings.length).filter((place) => readings[place].label !== labels[place]);
    const shown = wrong.filter((place) => (label < 0 || labels[place] === label) && (read < 0 || readings[place].label === read))
      .sort((a, b) => readings[b].chance - readings[a].chance || a - b);
    find("mistakes-note").textContent = `Of the ${readings.length} test images that the page holds (a sample of each class, and those that activate a unit most), ` +
      `seed ${meta.seeds[seed]} misreads ${wrong.length}; ${shown.length} are shown, the most confident first. A click opens one in Try it.`;
    find("confusions").replaceChildren(...confusions(wrong, readings));
    find("misread").replaceChildren(...shown.map((place) => opening(payload, seed, place,
      `${named(labels[place])} read as ${named(readings[place].label)}${Number.isFinite(readings[place].chance) ? `, ${share(readings[place].chance)}` : ""}`)));
  }

  /** @type {(label: number) => string} */
  const named = (label) => meta.classes[label] ?? `${label}`;

  // The most frequent pairs of a class and what it is read as.
  /** @type {(wrong: number[], readings: Reading[]) => HTMLElement[]} */
  function confusions(wrong, readings) {
    /** @type {Map<string, { label: number, read: number, times: number }>} */
    const pairs = new Map();
    for (const place of wrong) {
      const [label, read] = [labels[place], readings[place].label], key = `${label}:${read}`;
      const pair = pairs.get(key) ?? { label, read, times: 0 };
      pairs.set(key, { ...pair, times: pair.times + 1 });
    }
    return [...pairs.values()].sort((a, b) => b.times - a.times).slice(0, CONFUSIONS).map(({ label, read, times }) => {
      const chosen = label === view.label && read === view.read;
      return make("a", { href: hash(chosen ? { label: -1, read: -1 } : { label, read }), "aria-current": chosen ? "true" : null, class: "chip" }, `${named(label)} as ${named(read)}: ${times}`);
    });
  }

  for (const name of ["seed", "label", "read"]) {
    const select = menu(`mistakes-${name}`);
    select.addEventListener("change", () => {
      const { value } = select;
      location.hash = hash({ [name]: value === "" ? -1 : Number(value) });
    });
  }

  return { show };
}
