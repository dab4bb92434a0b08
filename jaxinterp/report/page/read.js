// What does a network read in every image that the page holds?

const PATIENCE = 20;  // milliseconds of work before the browser may draw again

// readAll(seed) → what the network of a seed reads in each image, worked out once; told(share) says how far it is.
/** @typedef {(seed: number, told?: (share: number) => void) => Promise<Reading[]>} ReadAll */
/** @type {(payload: Payload, networkOf: (seed: number) => Network) => ReadAll} */
function reader({ meta, arrays }, networkOf) {
  const { shape: [count] } = arrays["pool/images"];
  /** @type {Map<number, Promise<Reading[]>>} */
  const known = new Map();
  /** @type {ReadAll} */
  async function read(seed, told = () => {}) {
    const network = networkOf(seed);
    /** @type {Reading[]} */
    const found = [];
    for (let began = performance.now(); found.length < count;) {
      const image = Float64Array.from(part(arrays["pool/images"], found.length), (byte) => byte / 255);
      found.push(readingOf(meta, forward(network, image).logits));
      if (performance.now() - began < PATIENCE) continue;
      told(found.length / count);
      await new Promise((done) => setTimeout(done));
      began = performance.now();
    }
    return found;
  }
  return (seed, told) => {
    const found = known.get(seed) ?? read(seed, told);
    known.set(seed, found);
    return found;
  };
}

// An image that opens in "Try it", and what is said of it below.
/** @type {(payload: Payload, seed: number, place: number, text: string) => HTMLElement} */
function opening({ meta, arrays }, seed, place, text) {
  return make("figure", {},
    make("a", { href: hashOf("try", { seed: meta.seeds[seed], image: place }) },
      photograph(part(arrays["pool/images"], place), meta, `Test image ${entry(arrays["pool/index"], place)}: ${text}; open it in Try it`)),
    make("figcaption", {}, text));
}
