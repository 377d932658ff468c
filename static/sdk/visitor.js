/*
 * Truepush visitor: what the page knows of its visitor, kept in the browser until the server has it.
 *
 * In the loader's record: `waiting` {tags: {add, remove}, attributes, events, sessions, pages, external_id, signature},
 * and `told` {at, tags}, the last tags that the server took: they are in the profile some seconds later.
 */
const KEPT = 50; // events, while there is nobody to send them for
const VISIT = 30 * 60 * 1000; // a visit ends when nothing was opened for so long
const SOON = 500;
const FOLDED = 60 * 1000; // by then the profile has what was told
const MONTH = 30 * 86400;

const textsOf = (list) => [].concat(list ?? []).map(String);
const without = (list, taken) => textsOf(list).filter((tag) => !textsOf(taken).includes(tag));
const nameOf = (tag) => tag.includes("=") && tag.split("=")[0];

/** The tags after a change; one with a value takes the place of the same name's other value. */
function changed(tags, change) {
  const { add, remove } = Object(change);
  const names = textsOf(add).map(nameOf).filter(Boolean);
  const kept = without(tags, remove).filter((tag) => !names.includes(nameOf(tag)));
  return [...new Set([...kept, ...textsOf(add)])].sort();
}

function joined(first, then) {
  const [before, after] = [Object(first), Object(then)];
  const [old, tags] = [Object(before.tags), Object(after.tags)];
  return {
    ...before,
    ...after,
    tags: {
      add: [...new Set([...without(old.add, tags.remove), ...textsOf(tags.add)])],
      remove: [...new Set([...without(old.remove, tags.add), ...textsOf(tags.remove)])],
    },
    attributes: { ...before.attributes, ...after.attributes },
    events: [].concat(before.events ?? [], after.events ?? []).slice(-KEPT),
    sessions: (before.sessions ?? 0) + (after.sessions ?? 0),
    pages: (before.pages ?? 0) + (after.pages ?? 0),
  };
}

/**
 * `recall` and `remember` read and write the loader's record, `post` calls the server, `alone` is its lock, `isSilent` hears
 * of a refusal.
 */
export function open({ recall, remember, post, alone, complain, isSilent }) {
  let timer = null;

  function wait(change) {
    const record = recall();
    remember({ ...record, waiting: joined(record.waiting, change) });
  }

  function say(change) {
    wait(change);
    timer = timer ?? setTimeout(() => alone(send).catch(complain), SOON);
  }

  /** What did not arrive is sent with what comes next; what the server refuses is said once and dropped. */
  async function send() {
    timer = null;
    const record = recall();
    const { endpoint, subscriber } = record;
    if (!subscriber || !record.waiting || isSilent()) {
      return;
    }
    const waiting = joined({}, record.waiting); // by whomever it was written
    remember({ ...record, waiting: undefined });
    const ago = (at) => Math.min(Math.max(Date.now() - at, 0) / 1000, MONTH) || 0;
    const events = waiting.events.map(({ at, ...event }) => ({ ...event, ago: ago(at) }));
    try {
      await post("profile", { ...waiting, events, endpoint, subscriber });
      const told = { at: Date.now(), tags: joined({ tags: freshly() }, waiting).tags };
      waiting.tags.add.concat(waiting.tags.remove).length && remember({ ...recall(), told });
    } catch (error) {
      if (error.status < 500 && error.status !== 429) {
        throw error;
      }
      const later = recall();
      remember({ ...later, waiting: joined(waiting, later.waiting) });
    }
  }

  /** The tags that were told so lately that the profile may not have them. */
  function freshly() {
    const { told } = recall();
    return Date.now() - told?.at < FOLDED ? told.tags : undefined;
  }

  const sendNow = () => alone(send).catch(complain);
  addEventListener("online", sendNow);
  const { tags, events, attributes, ...rest } = joined({}, recall().waiting);
  if ([...tags.add, ...tags.remove, ...events, ...Object.keys(attributes)].length || "external_id" in rest) {
    timer = setTimeout(sendNow, SOON); // said on a page before, and not arrived; pages alone can wait
  }

  return {
    /** Of the server, with what it was told a moment ago or is still to be told; without it, what it said before. */
    async getTags() {
      const { endpoint, subscriber } = recall();
      if (subscriber && !isSilent()) {
        const last = (error) => (recall().tags ? recall() : Promise.reject(error));
        const { tags } = await post("tags", { endpoint, subscriber }).catch(last);
        remember({ ...recall(), tags: textsOf(tags) });
      }
      const { tags, waiting } = recall();
      return changed(changed(textsOf(tags), freshly()), waiting?.tags);
    },

    addTags: (tags) => say({ tags: { add: tags } }),
    removeTags: (tags) => say({ tags: { remove: tags } }),
    setAttributes: (attributes) => say({ attributes: { ...attributes } }),
    track: (name, properties) => say({ events: [{ name, properties: { ...properties }, at: Date.now() }] }),
    setExternalId: (externalId, signature) => say({ external_id: String(externalId ?? ""), signature }),

    /** Pages are counted here and told with the next visit: no call for each page. */
    countVisit() {
      const now = Date.now();
      const { last } = recall();
      remember({ ...recall(), last: now });
      const isNew = !(Math.abs(now - last) < VISIT);
      wait({ pages: 1 });
      isNew && say({ sessions: 1 });
    },
  };
}
