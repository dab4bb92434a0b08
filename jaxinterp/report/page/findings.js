// Which findings are listed, and in which order? Figures stand below the first finding that they show.

/** @typedef {{ row: HTMLElement, fold: Element, group: string, verdict: string, score: number, words: string }} Listed  a finding: its two rows of the table, and what it is sifted by */

const VERDICTS = ["holds", "does not hold", "undecided"];

// Set up once; returns show(settings), which brings the table to what the address says.
/** @type {() => { show: (settings: URLSearchParams) => void }} */
function findingsView() {
  const body = document.querySelector(".findings > tbody");
  /** @type {NodeListOf<HTMLElement>} */
  const rows = document.querySelectorAll(".findings .finding");
  /** @type {Listed[]} */
  const all = Array.from(rows, (row) => ({
    row, fold: /** @type {Element} */ (row.nextElementSibling), group: row.dataset.row ?? "", verdict: row.dataset.verdict ?? "",
    score: Number(row.dataset.score), words: row.textContent.replace(/\s+/g, " ").toLowerCase(),
  }));
  /** @type {NodeListOf<HTMLElement>} */
  const figureRows = document.querySelectorAll(".findings .below");
  const figures = Array.from(figureRows, (row) => ({ row, groups: /** @type {string[]} */ (JSON.parse(row.dataset.rows ?? "[]")) }));
  /** @type {NodeListOf<HTMLButtonElement>} */
  const counts = document.querySelectorAll("#sift [data-verdict]");
  let view = { verdict: "", row: "", words: "", sort: "" };

  /** @type {Record<string, (a: Listed, b: Listed) => number>} */
  const orders = {
    verdict: (a, b) => VERDICTS.indexOf(a.verdict) - VERDICTS.indexOf(b.verdict),
    up: (a, b) => unlessUnknown(a.score) - unlessUnknown(b.score),
    down: (a, b) => unlessUnknown(-a.score) - unlessUnknown(-b.score),
    claim: (a, b) => claim(a).localeCompare(claim(b)),
  };
  // What is not known comes last.
  /** @type {(score: number) => number} */
  const unlessUnknown = (score) => (Number.isNaN(score) ? Infinity : score);
  /** @type {(one: Listed) => string} */
  const claim = ({ row }) => row.querySelector(".claim")?.textContent ?? "";

  /** @type {(change: Partial<typeof view>) => void} */
  const follow = (change) => {
    rewrite(hashOf("findings", { ...view, ...change }));
    show(readHash().settings);
  };

  /** @type {(settings: URLSearchParams) => void} */
  function show(settings) {
    /** @type {(name: string) => string} */
    const given = (name) => settings.get(name) ?? "";
    view = { verdict: given("verdict"), row: given("row"), words: given("words"), sort: given("sort") };
    const words = view.words.toLowerCase().split(/\s+/).filter(Boolean);
    const kept = all.filter((one) => (!view.verdict || one.verdict === view.verdict) && (!view.row || one.group === view.row) && words.every((word) => one.words.includes(word)));
    const order = orders[view.sort];
    if (order) kept.sort(order);
    list(kept);
    for (const button of counts) button.setAttribute("aria-pressed", String(button.dataset.verdict === view.verdict));
    menu("sift-row").value = view.row;
    menu("sift-sort").value = view.sort;
    if (document.activeElement !== field("sift-words")) field("sift-words").value = view.words;
    find("sifted").textContent = kept.length === all.length ? "" : `${kept.length} of ${all.length} findings`;
  }

  // Rows that stand where they are to be stay untouched.
  /** @type {(kept: Listed[]) => void} */
  function list(kept) {
    const left = new Set(figures);
    const shown = kept.flatMap(({ row, fold, group }, place) => {
      const last = kept[place + 1]?.group !== group;
      const own = [...left].filter(({ groups }) => last && groups.includes(group));
      own.forEach((figure) => left.delete(figure));
      return [row, fold, ...own.map((figure) => figure.row)];
    });
    const wanted = new Set(shown);
    for (const one of body?.children ?? []) one.toggleAttribute("hidden", !wanted.has(one));
    let at = body?.firstElementChild;
    for (const one of shown) {
      while (at && !wanted.has(at)) at = at.nextElementSibling;
      if (one === at) at = at.nextElementSibling;
      else body?.insertBefore(one, at ?? null);
    }
  }

  for (const button of counts) button.addEventListener("click", () => follow({ verdict: view.verdict === button.dataset.verdict ? "" : button.dataset.verdict }));
  menu("sift-row").addEventListener("change", () => follow({ row: menu("sift-row").value }));
  menu("sift-sort").addEventListener("change", () => follow({ sort: menu("sift-sort").value }));
  field("sift-words").addEventListener("input", () => follow({ words: field("sift-words").value }));
  find("sift-all").addEventListener("click", () => { field("sift-words").value = ""; follow({ verdict: "", row: "", words: "", sort: "" }); });
  for (const { row, fold } of all) {
    row.addEventListener("click", ({ target }) => {
      const reading = (target instanceof Element && target.closest("a, .term")) || getSelection()?.type === "Range";
      const details = fold.querySelector("details");
      if (!reading && details) details.open = !details.open;
    });
  }

  return { show };
}
