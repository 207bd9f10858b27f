// Before the first paint, and a file of its own because the policy of the page allows no inline script.
try {
  var theme = localStorage.getItem("carillon.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch (_) {
  // No storage: the system's theme.
}
