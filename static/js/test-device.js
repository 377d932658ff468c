// "Send to my browser": this browser becomes a test device of the site, then the test form goes off.
//
// <button type="button" data-test-device data-worker data-scope data-vapid-key data-subscribe-url data-csrf
//   data-send-form="#id">, and next to it <p data-test-device-status role="status">, which says how it went.
// The worker lives on the console's own host, in a scope of its own per site.
(() => {
  const PATIENCE = 20 * 1000; // Chrome without a way to its push service leaves subscribe() open for ever

  /** Its message is for the person in front of the page: what happened, and what to do next. */
  class Trouble extends Error {}

  const NOT_HERE =
    "This browser cannot receive notifications here. Private windows and browsers inside other apps cannot. " +
    "Open this page in a normal window of Chrome, Edge, Firefox or Safari 16 and press the button again.";
  const blocked = () =>
    `Notifications from ${location.hostname} are blocked in this browser. Allow them with the icon to the left ` +
    "of the page address, then press the button again. Private windows always block them: use a normal window.";
  const NOT_ANSWERED = "The question was closed without an answer. Press the button again and choose Allow.";
  const NO_WORKER =
    "This browser did not accept the test worker. Reload the page and try again; if the browser blocks site " +
    "data for this address, allow it first.";
  const NO_PUSH_SERVICE =
    "This browser could not reach its push service. Check the internet connection, a VPN or an ad blocker, and " +
    "that push messages are not switched off in the browser's settings, then press the button again.";
  const INCOMPLETE = "Complete the marked fields first, then press the button again.";
  const NO_SERVER = "Truepush could not be reached. Check the connection and press the button again.";

  async function permit() {
    if (!window.isSecureContext || !window.Notification || !window.PushManager || !navigator.serviceWorker) {
      throw new Trouble(NOT_HERE);
    }
    const permission = await Notification.requestPermission();
    if (permission !== "granted") {
      throw new Trouble(permission === "denied" ? blocked() : NOT_ANSWERED);
    }
  }

  async function register({ worker, scope }) {
    const registration = await navigator.serviceWorker.register(worker, { scope, updateViaCache: "none" });
    const starting = registration.installing ?? registration.waiting;
    while (!registration.active) {
      if (starting.state === "redundant") {
        throw new Trouble(NO_WORKER);
      }
      await new Promise((resolve) => starting.addEventListener("statechange", resolve, { once: true }));
    }
    return registration;
  }

  function encode(buffer) {
    const text = btoa(String.fromCharCode(...new Uint8Array(buffer)));
    return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  }

  async function subscribe({ pushManager }, applicationServerKey) {
    const earlier = await pushManager.getSubscription();
    if (earlier && encode(earlier.options.applicationServerKey) === applicationServerKey) {
      return earlier;
    }
    await earlier?.unsubscribe(); // the site has another key by now
    const late = new Promise((resolve, reject) => setTimeout(reject, PATIENCE, new Trouble(NO_PUSH_SERVICE)));
    return Promise.race([pushManager.subscribe({ userVisibleOnly: true, applicationServerKey }), late]);
  }

  async function tellServer(subscription, { subscribeUrl, csrf }) {
    const { endpoint, keys } = subscription.toJSON();
    const response = await fetch(subscribeUrl, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": csrf },
      body: JSON.stringify({ endpoint, keys }),
    });
    if (!response.ok) {
      throw new Trouble(await refusal(response));
    }
  }

  async function refusal(response) {
    if (response.status === 403) {
      return "Your session may have ended. Reload the page, sign in if asked, and press the button again.";
    }
    const answer = await response.json().catch(() => null);
    const reason = answer?.error?.message;
    return reason
      ? `Truepush did not accept this browser: ${reason}`
      : `Truepush answered with error ${response.status}. Press the button again in a minute.`;
  }

  /** Whatever a step throws is told as that step's trouble; what the browser said goes to the console. */
  async function step(work, trouble) {
    try {
      return await work;
    } catch (error) {
      if (error instanceof Trouble) {
        throw error;
      }
      console.info(`Test device: ${error}`);
      throw new Trouble(trouble);
    }
  }

  async function connect(options, say) {
    const asked = permit(); // first of all, while the click still counts
    say("Waiting for your permission to show notifications…");
    await step(asked, NOT_HERE);
    say("Connecting this browser…");
    const registration = await step(register(options), NO_WORKER);
    const subscription = await step(subscribe(registration, options.vapidKey), NO_PUSH_SERVICE);
    await step(tellServer(subscription, options), NO_SERVER);
  }

  function statusOf(button) {
    const line = "[data-test-device-status]";
    return button.parentElement.querySelector(line) ?? document.querySelector(line);
  }

  async function run(button) {
    const form = document.querySelector(button.dataset.sendForm);
    const status = statusOf(button);
    const say = (text) => (status.textContent = text);
    if (!form.reportValidity()) {
      say(INCOMPLETE);
      return;
    }
    button.disabled = true;
    try {
      await connect(button.dataset, say);
      say("This browser is connected. Sending the test…");
      form.requestSubmit();
    } catch (error) {
      say(error instanceof Trouble ? error.message : `This did not work: ${error.message}`);
    } finally {
      button.disabled = false;
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-test-device]");
    if (button) {
      event.preventDefault();
      run(button);
    }
  });
})();
