/*
 * Truepush ask: which prompt a visitor sees, when, and how often. Loaded where a website has something to ask or show.
 *
 * In the loader's record: `seen` {pages, visits, at, draw}, `asked` {count, at} of what was dismissed, and `left`, when
 * the visitor unsubscribed. Conditions are those of settings.json's `prompts` (docs/sdk.md).
 */
const DAY = 24 * 60 * 60 * 1000;
const VISIT = 30 * 60 * 1000; // a visit ends when nothing was opened for so long
const AGAIN = [3, 7, 30]; // days
const UP = 150; // so many pixels up within LEAVING ms: on a touch screen somebody is about to leave
const LEAVING = 250;
const BELL = { id: 0, version: 1, kind: "bell" }; // of a website that has designed none
const SWITCHES = ["bell", "button"]; // they offer, they do not ask

const listOf = (value) => (Array.isArray(value) ? value : []);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const here = () => location.pathname + location.search;
const PAGE_HAS_ITS_OWN = '[data-truepush="subscribe"]';

/** Whether an address fits a pattern in which * stands for anything, also for nothing. */
export function fits(pattern, address) {
  const [first, ...rest] = String(pattern).split("*");
  if (!rest.length) {
    return first === address || first === address.split("?")[0];
  }
  const last = rest.pop();
  let at = address.startsWith(first) ? first.length : Infinity;
  for (const part of rest) {
    const found = address.indexOf(part, at);
    at = found < 0 ? Infinity : found + part.length;
  }
  return address.length - last.length >= at && address.endsWith(last);
}

/** When the visitor has scrolled so many percent of the page. */
function scrolled(percent) {
  return new Promise((resolve) => {
    function look() {
      const { scrollHeight, clientHeight } = document.documentElement;
      const way = scrollHeight - clientHeight;
      if (way <= 0 || (window.scrollY / way) * 100 >= percent - 0.5) {
        removeEventListener("scroll", look);
        resolve();
      }
    }
    addEventListener("scroll", look, { passive: true });
    look();
  });
}

/** When the pointer leaves through the top of the window, or a finger flings the page up. */
function leaving() {
  return new Promise((resolve) => {
    const touch = matchMedia("(hover: none)").matches;
    const [name, target] = touch ? ["scroll", window] : ["mouseout", document];
    let trail = [];
    function look(event) {
      trail = [...trail, { at: event.timeStamp, y: window.scrollY }].filter(({ at }) => event.timeStamp - at < LEAVING);
      const isUp = touch ? trail[0].y - window.scrollY > UP : event.clientY <= 0 && !event.relatedTarget;
      if (isUp) {
        target.removeEventListener(name, look);
        resolve();
      }
    }
    target.addEventListener(name, look, { passive: true });
  });
}

/** Firefox and Safari open their dialog only while a click or key press is being handled. */
function gesture() {
  return new Promise((resolve) => {
    const names = ["click", "keydown"];
    function act(event) {
      if (event.key !== "Escape" && navigator.userActivation?.isActive !== false) { // Shift and Tab are none
        names.forEach((name) => removeEventListener(name, act, true));
        resolve();
      }
    }
    names.forEach((name) => addEventListener(name, act, true));
  });
}

/**
 * `ways` are the loader's: settings, wishes (of Init), recall, remember, read() -> {state, busy, ios, silent}, subscribe(prompt,
 * isFree), unsubscribe, say(verb, …), tags() -> those of the subscriber, note(step, prompt), load(file), complain(error).
 */
export function open(ways) {
  const { settings, wishes, recall, remember, read, note } = ways;
  const prompts = listOf(settings.prompts ?? [BELL]).map(Object);
  const views = new Map(); // what stands on the page all the time: {prompt, view} by its place
  let seen = {};
  let shown = null; // {view} of the prompt that asks on this page, or did
  let isHeld = false; // by a refusal

  const drawer = () => ways.load("prompt");
  const isFree = () => Boolean(navigator.userAgentData); // Chromium alone has it, and opens its dialog without a gesture
  const languages = () => [wishes.language, ...(navigator.languages ?? [])].filter(Boolean);
  const given = (prompt, into) =>
    ({ prompt, into, languages: languages(), site: settings.title, state: read().ios ? "ios" : read().state });

  // --- What was seen and asked before

  function countPage() {
    const now = Date.now();
    const before = Object(recall().seen);
    const isNew = !(Math.abs(now - before.at) < VISIT);
    const draw = before.draw >= 0 ? before.draw : Math.random() * 100;
    const kept = { pages: (before.pages || 0) + 1, visits: (before.visits || 0) + Number(isNew), at: now, draw };
    remember({ ...recall(), seen: kept });
    seen = { ...kept, isNew };
  }

  function wait() {
    const { count = 0 } = Object(recall().asked);
    remember({ ...recall(), asked: { count: count + 1, at: Date.now() } });
  }

  function isRested({ again }) {
    const { count = 0, at = 0 } = Object(recall().asked);
    const days = listOf(again).length ? again : AGAIN;
    return !count || !(Math.abs(Date.now() - at) < days[Math.min(count, days.length) - 1] * DAY);
  }

  const isAllowed = ({ when }) => {
    const { only, never } = Object(when);
    const some = (patterns) => listOf(patterns).some((pattern) => fits(pattern, here()));
    return (!listOf(only).length || some(only)) && !some(never);
  };
  /** One of two designs, always the same for one visitor. */
  const drawn = (prompt) => (prompt.rival && seen.draw < prompt.share ? { ...prompt, ...prompt.rival } : prompt);
  const isAskable = () => !read().silent && (read().ios || ["default", "unsubscribed"].includes(read().state));
  const isSwitch = ({ kind }) => SWITCHES.includes(kind);

  // --- Asking

  function handlers(prompt) {
    const all = listOf(prompt.topics).map(({ tag }) => tag);
    function topics(chosen) {
      if (all.length) {
        ways.say("removeTags", all.filter((tag) => !chosen.includes(tag)));
        ways.say("addTags", chosen);
      }
    }
    async function accept(chosen) {
      note("accepted", prompt);
      topics(chosen);
      const state = await ways.subscribe(prompt);
      state === "default" && wait();
      return state;
    }
    const dismiss = () => (note("dismissed", prompt), wait());
    return { accept, dismiss, topics, unsubscribe: ways.unsubscribe, tags: ways.tags };
  }

  const isNative = ({ kind }) => ["native", "backdrop"].includes(kind) && !read().ios;
  /** Where it is granted the browser has no dialog, and nobody is subscribed without a question. */
  const mayAsk = (prompt) => isAskable() && !(isNative(prompt) && Notification.permission !== "default");

  /** What draws it, once there is the gesture that the browser's own dialog may want. */
  async function drawerOf(prompt) {
    const { draw } = prompt.kind === "native" && isNative(prompt) ? { draw: () => null } : await drawer();
    await (!isNative(prompt) || isFree() || navigator.userActivation?.isActive ? null : gesture());
    return draw;
  }

  async function show(prompt) {
    if (shown || !mayAsk(prompt)) {
      return;
    }
    const own = { view: null };
    let draw;
    shown = own;
    try {
      draw = await drawerOf(prompt);
    } finally {
      shown = shown === own && !(draw && mayAsk(prompt)) ? null : shown; // what could not be shown does not stand in the way
    }
    if (shown !== own) {
      return; // refused, or answered in another way, meanwhile
    }
    note("shown", prompt);
    own.view = draw(given(read().ios ? { ...prompt, kind: "ios", topics: [] } : prompt), handlers(prompt));
    isNative(prompt) && (await askNatively(prompt, own.view));
  }

  /** The browser's own dialog; with the page dimmed behind it, if that is the design. */
  async function askNatively(prompt, view) {
    try {
      const state = await ways.subscribe(prompt, isFree());
      state === "default" && wait();
    } finally {
      view?.close();
    }
  }

  async function watch(prompt) {
    const { delay = 0, scroll = 0, pages = 1, visits = 1, exit } = Object(prompt.when);
    const page = here();
    if (seen.pages < pages || seen.visits < visits || !isRested(prompt) || recall().left) {
      return;
    }
    await Promise.all([sleep(delay * 1000), scroll > 0 && scrolled(scroll)]);
    await (exit && leaving());
    const isHere = window.navigation ? page === here() : isAllowed(prompt); // who changed its address began anew
    isHere && (await show(prompt));
  }

  const designs = () => prompts.filter(isAllowed).map(drawn);
  const asking = () => designs().filter((one) => !isSwitch(one));

  // --- What stands on the page

  async function drawSwitches() {
    const isOwn = document.querySelector(PAGE_HAS_ITS_OWN);
    const wanted = new Map();
    for (const prompt of read().silent ? [] : designs().filter(isSwitch)) {
      const places = prompt.kind === "bell" ? [document.body] : document.querySelectorAll('[data-truepush="button"]');
      const isLeftOut = prompt === BELL && isOwn;
      places.forEach((place) => isLeftOut || wanted.has(place) || wanted.set(place, prompt));
    }
    for (const [place, { prompt, view }] of views) {
      wanted.get(place)?.id === prompt.id || (view?.close(), views.delete(place));
    }
    for (const [place, prompt] of wanted) {
      if (!views.has(place)) {
        const made = { prompt, view: null };
        views.set(place, made);
        const { draw } = await drawer().catch((error) => (views.delete(place), Promise.reject(error)));
        await sleep(0); // apart from reading the file: a task of its own is short
        if (views.get(place) === made) {
          made.view = draw(given(prompt, prompt.kind === "bell" ? undefined : place), handlers(prompt));
          seen.isNew && isAskable() && setTimeout(note, 0, "shown", prompt);
        }
      }
    }
    views.forEach(({ view }) => view?.update({ ...read(), state: read().ios ? "ios" : read().state }));
  }

  function look() {
    countPage();
    render();
    wishes.autoPrompt !== false && isAskable() && asking().forEach((one) => watch(one).catch(ways.complain));
  }

  function render() {
    const { silent } = read();
    if (silent) {
      shown?.view?.close();
      shown = null;
    }
    const isBack = isHeld && !silent;
    isHeld = silent;
    isBack ? look() : drawSwitches().catch(ways.complain);
  }

  let page = here();
  window.navigation?.addEventListener("navigatesuccess", () => {
    if (page !== here()) {
      page = here();
      look();
    }
  });
  look();

  /** What the page asks for itself: without the conditions, and still never twice on a page. */
  async function showPrompt() {
    const [first] = asking();
    await (first && show(first));
    return read().state;
  }

  return { render, showPrompt };
}
