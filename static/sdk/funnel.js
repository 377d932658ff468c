/*
 * Truepush funnel: how many were asked, by which prompt, and what came of it. It names nobody. Steps of a page are told
 * together, when it is hidden or after ten seconds.
 */
const SOON = 10000;
const MOST = 40;

/** `base` is where the website's SDK calls begin, `isSilent` hears of a refusal; answers what notes a step of a page. */
export function open({ base, isSilent }) {
  let steps = []; // {page, step}: a page may change its address before they are told
  let timer = 0;

  function tell() {
    clearTimeout(timer);
    timer = 0;
    steps = isSilent() ? [] : steps;
    while (steps.length) {
      const [{ page }] = steps;
      const told = steps.filter((one) => one.page === page).slice(0, MOST);
      steps = steps.filter((one) => !told.includes(one));
      const body = JSON.stringify({ page, steps: told.map(({ step }) => step) });
      const request = { method: "POST", mode: "no-cors", credentials: "omit", keepalive: true, body };
      fetch(`${base}funnel`, request).catch(() => {}); // a figure less, nothing that a visitor would miss
    }
  }

  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && tell());
  addEventListener("pagehide", tell);
  return (page, step) => {
    steps.push({ page: page.slice(0, 200), step: { ...step, n: 1 } });
    timer = timer || setTimeout(tell, SOON);
  };
}
