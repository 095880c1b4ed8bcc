// The page follows the system's theme until the reader chooses one.
for (const button of document.querySelectorAll(".theme")) {
  const themes = ["system", "light", "dark"];
  let chosen = 0;
  button.hidden = false;
  button.addEventListener("click", () => {
    chosen = (chosen + 1) % themes.length;
    document.documentElement.style.colorScheme = chosen === 0 ? "" : themes[chosen];
    button.textContent = `Theme: ${themes[chosen]}`;
  });
}
