// The page in the preview's frame: draws what the console's page around it says, with the code that visitors get.
// Nothing is asked of anybody, nothing is kept, and nobody else's messages are heard.
const place = (name) => document.querySelector(`[data-${name}]`);
const { draw } = await import(document.body.dataset.draw);
let drawn = null;
let picture = "";

/** The drawing code moves the focus into some kinds: here it would take it from the form that is being typed in. */
function withoutFocus(work) {
  const { focus } = HTMLElement.prototype;
  HTMLElement.prototype.focus = () => {};
  try {
    return work();
  } finally {
    HTMLElement.prototype.focus = focus;
  }
}

function showPicture(file) {
  if (picture) {
    URL.revokeObjectURL(picture);
  }
  picture = file instanceof Blob ? URL.createObjectURL(file) : "";
  place("shot").hidden = !picture;
  place("page").hidden = Boolean(picture);
  if (picture) {
    place("shot").src = picture;
  }
}

function show({ prompt, site, languages }) {
  drawn?.close();
  drawn = null;
  const isBrowsers = prompt.kind === "native" || prompt.kind === "backdrop";
  place("browser").hidden = !isBrowsers;
  place("browser-says").textContent = `${site} wants to show notifications`;
  place("place").hidden = prompt.kind !== "button";
  if (prompt.kind === "native") {
    return; // the browser's own dialog is all there is
  }
  let state = "default";
  const become = async (next) => {
    state = next;
    drawn?.update({ state, busy: false });
    return state;
  };
  const into = prompt.kind === "button" ? place("place") : undefined;
  const acts = {
    accept: () => become("subscribed"),
    unsubscribe: () => become("unsubscribed"),
    dismiss() {},
    topics() {},
    tags: async () => [],
  };
  drawn = withoutFocus(() => draw({ prompt, languages, site, state, into }, acts));
}

const sayReady = () => parent.postMessage({ do: "ready" }, location.origin);

addEventListener("message", ({ origin, source, data }) => {
  if (origin !== location.origin || source !== parent || source === window) {
    return;
  }
  if (data?.do === "hello") {
    sayReady();
  } else if (data?.do === "draw") {
    show(data);
  } else if (data?.do === "picture") {
    showPicture(data.file);
  }
});
sayReady();
