/*
 * Truepush connect: the browser's subscription, its worker, and the server's knowledge of both. Loaded where notifications
 * are allowed, or about to be.
 */
const DAY = 24 * 60 * 60 * 1000;
const PATIENCE = 30 * 1000; // without its push service a browser may leave subscribe() open for ever

// --- The browser's part: our worker in its own scope, and its subscription

/** Where ours is missing getRegistration() answers with the page's own worker: the scope must be equal. */
async function ours({ scope }) {
  const registration = await navigator.serviceWorker.getRegistration(scope);
  return registration?.scope === scope ? registration : undefined;
}

/**
 * Only if needed: in Chromium it waits for seconds behind the update that the page before asked for. A worker of the
 * website's own, which imports ours, is registered by its pages, without `k`.
 */
async function register({ file, scope }) {
  const present = await ours({ scope });
  if ([file, file.split("?")[0]].includes(present?.active?.scriptURL)) {
    return present;
  }
  const registration = await navigator.serviceWorker.register(file, { scope, updateViaCache: "none" });
  const worker = registration.installing || registration.waiting;
  while (!registration.active) {
    if (worker.state === "redundant") {
      throw new Error(`the worker ${file} did not start`);
    }
    await new Promise((resolve) => worker.addEventListener("statechange", resolve, { once: true }));
  }
  return registration;
}

function keyOf({ options }) {
  const text = btoa(String.fromCharCode(...new Uint8Array(options.applicationServerKey)));
  return text.replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
}

async function subscriptionOf({ pushManager }, key) {
  const existing = await pushManager.getSubscription();
  if (existing && keyOf(existing) === key) {
    return existing;
  }
  await existing?.unsubscribe(); // made with another key: it can never be sent to again
  const silence = new Error("the browser's push service does not answer");
  const late = new Promise((_, reject) => setTimeout(reject, PATIENCE, silence));
  return Promise.race([pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key }), late]);
}

/** Subscriptions that came here from another provider: the settings name the files of its workers. */
async function inherited({ old }) {
  const found = [];
  for (const one of old.length ? await navigator.serviceWorker.getRegistrations() : []) {
    const worker = one.active || one.waiting || one.installing;
    const isOld = worker && old.includes(new URL(worker.scriptURL).pathname);
    found.push(isOld && (await one.pushManager.getSubscription()));
  }
  return found.filter(Boolean);
}

/**
 * `recall` and `remember` read and write the loader's record, `post` calls the server, `agreedBy` names the prompt that
 * the visitor said yes to on this page, `isSilent` hears of a refusal.
 */
export function open({ recall, remember, post, agreedBy, isSilent, version }) {
  /** At most once a day for what the server has already acknowledged. */
  async function tellServer(subscription, key, replaced) {
    const before = recall();
    const { endpoint, keys } = subscription.toJSON();
    const known = before.endpoint === endpoint && before.key === key;
    if (known && before.id && !replaced && Math.abs(Date.now() - before.sent) < DAY) {
      return;
    }
    const time_zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const old_endpoint = replaced || (before.endpoint === endpoint ? undefined : before.endpoint);
    const prompt = agreedBy();
    const profile = { language: navigator.language, time_zone, sdk: version, prompt };
    const body = { endpoint, keys, server_key: key, old_endpoint, profile };
    try {
      const { subscriber, id: number } = await post("subscriptions", body);
      remember({ ...recall(), endpoint, key, subscriber, id: number, sent: Date.now(), left: undefined });
    } catch (error) {
      if (!known) {
        throw error; // else the server has had it since an earlier day, and the next page tries again
      }
    }
  }

  async function make(settings) {
    const others = await inherited(settings);
    try {
      const registration = await register(settings);
      const own = await subscriptionOf(registration, settings.key);
      for (const other of others) {
        await tellServer(own, settings.key, other.endpoint); // its row is ours from now on
        await other.unsubscribe().catch(() => {}); // the next page tries again
      }
      await tellServer(own, settings.key);
    } catch (error) {
      const [other] = others; // where no new one can be had it stays, known to the server
      await (other ? tellServer(other, keyOf(other)) : Promise.reject(error));
    }
  }

  /** Whether they are subscribed now: who refused meanwhile, here or in another tab, is not. */
  async function connect(settings) {
    try {
      await (isSilent() || make(settings));
    } finally {
      await (isSilent() && end(settings));
    }
    return !isSilent();
  }

  /** On every page: who is subscribed stays so, with today's key, endpoint and worker; whether they are. */
  async function resync(settings) {
    const registration = await ours(settings);
    const subscription = await registration?.pushManager.getSubscription();
    if (subscription || recall().endpoint || (await inherited(settings)).length) {
      const isOn = await connect(settings);
      registration?.update().catch(() => {}); // calls a bad worker back; offline it can wait
      return isOn;
    }
    return false;
  }

  /** Lets go of the subscription, here and at the server. */
  async function end(settings) {
    const { endpoint, subscriber } = recall();
    const subscription = await (await ours(settings))?.pushManager.getSubscription();
    await subscription?.unsubscribe();
    const { seen, asked, consent } = recall();
    remember({ left: Date.now(), seen, asked, consent }); // asked again by nobody but themselves
    if (endpoint && subscriber) {
      // The browser has let go: should this be lost, the push service answers "gone" to the next message.
      post("unsubscribe", { endpoint, subscriber }).catch(() => {});
    }
  }

  return { connect, resync, end };
}
