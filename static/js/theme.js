// Colour scheme: automatic unless someone chose. Loaded in the head without defer, so that no page flashes.
(() => {
  const KEY = "truepush-theme";
  const CHOICES = ["auto", "light", "dark"];
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");

  const stored = () => {
    try {
      const value = localStorage.getItem(KEY);
      return CHOICES.includes(value) ? value : "auto";
    } catch {
      return "auto"; // storage may be blocked; the page then follows the system
    }
  };

  const remember = (choice) => {
    try {
      localStorage.setItem(KEY, choice);
    } catch {
      // not remembered, but shown
    }
  };

  const show = (choice) => {
    const isDark = choice === "dark" || (choice === "auto" && system.matches);
    root.dataset.bsTheme = isDark ? "dark" : "light";
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === choice));
    }
  };

  root.classList.add("js");
  show(stored());
  system.addEventListener("change", () => show(stored()));
  document.addEventListener("DOMContentLoaded", () => show(stored()));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-choice]");
    if (button) {
      remember(button.dataset.themeChoice);
      show(button.dataset.themeChoice);
    }
  });
})();
