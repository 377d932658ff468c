// <button data-copy="#id"> copies the text of #id and says so for two seconds.
(() => {
  const select = (source) => {
    const range = document.createRange();
    range.selectNodeContents(source);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  };

  const say = (button, text) => {
    const label = button.querySelector("[data-copy-label]");
    button.dataset.copyText ??= label.textContent;
    label.textContent = text;
    clearTimeout(Number(button.dataset.copyTimer));
    button.dataset.copyTimer = String(setTimeout(() => (label.textContent = button.dataset.copyText), 2000));
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) {
      return;
    }
    const source = document.querySelector(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
      say(button, "Copied");
    } catch {
      select(source); // no clipboard on plain http: leave it to the keyboard
      say(button, "Press Ctrl+C");
    }
  });
})();
