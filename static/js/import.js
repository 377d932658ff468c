// Sends the chosen file in pieces and begins the import. What was sent before a break is not sent again.
(() => {
  "use strict";

  const TRIES = 6;
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

  async function post(url, body, token) {
    for (let attempt = 1; ; attempt += 1) {
      const headers = { "X-CSRFToken": token };
      const answer = await fetch(url, { method: "POST", body, headers, credentials: "same-origin" }).catch(() => null);
      if (answer && answer.status < 500) {
        return { status: answer.status, said: await answer.json().catch(() => ({})) };
      }
      if (attempt === TRIES) {
        throw new Error("The connection broke. Choose the file once more: it goes on where it was.");
      }
      await wait(500 * 2 ** attempt);
    }
  }

  async function send(form, file, show) {
    const token = form.querySelector("[name=csrfmiddlewaretoken]").value;
    const most = Number(form.dataset.most);
    const place = `${form.dataset.import}?file=${encodeURIComponent(file.name.slice(-120))}&at=`;
    let at = Number(form.dataset.size) < file.size ? Number(form.dataset.size) : 0;
    while (at < file.size) {
      const { status, said } = await post(place + at, file.slice(at, at + most), token);
      if (status !== 200 && status !== 409) {
        throw new Error(said.message || `The server answered ${status}. Load this page again.`);
      }
      at = said.size;
      form.dataset.size = String(at);
      show(at / file.size);
    }
    const asked = new URLSearchParams({ size: String(file.size) });
    const { status, said } = await post(form.dataset.start, asked, token);
    if (status !== 200) {
      throw new Error(said.message || `The server answered ${status}. Load this page again.`);
    }
    location.assign(said.url);
  }

  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("[data-import]");
    if (!form) {
      return;
    }
    event.preventDefault();
    const [progress, error] = [form.querySelector("progress"), form.querySelector("[role=alert]")];
    const button = form.querySelector("button");
    error.hidden = true;
    progress.hidden = false;
    button.disabled = true;
    try {
      await send(form, form.querySelector("[type=file]").files[0], (share) => (progress.value = 100 * share));
    } catch (problem) {
      form.dataset.size = "0";
      error.textContent = problem.message;
      error.hidden = false;
      progress.hidden = true;
      button.disabled = false;
    }
  });
})();
