// Keeps relative times true while a page is open, and gives each its moment in the reader's time zone.
const WORDS = JSON.parse(document.getElementById("words").textContent);
const STEPS = [
  [60, 1, "s"],
  [3600, 60, "min"],
  [86400, 3600, "h"],
  [2592000, 86400, "d"],
];

// As the reader's own system writes the page's language, which "es" or "en" alone would not say.
const { lang } = document.documentElement;
const locale = navigator.languages.find((each) => each.split("-")[0] === lang) ?? lang;

function relative(at) {
  const seconds = Math.round((Date.now() - at.getTime()) / 1000);
  const distance = Math.abs(seconds);
  if (distance < 2) return WORDS.now;
  for (const [limit, unitSeconds, unit] of STEPS) {
    if (distance < limit) {
      const amount = Math.floor(distance / unitSeconds);
      return (seconds > 0 ? WORDS.ago : WORDS.in).replace("{time}", `${amount} ${unit}`);
    }
  }
  return at.toISOString().slice(0, 10);
}

function refresh(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const at = new Date(element.dateTime);
    const words = relative(at);
    if (element.textContent !== words) element.textContent = words;
    if (!element.title.includes("\n")) element.title += `\n${WORDS.here.replace("{time}", at.toLocaleString(locale))}`;
  }
}

refresh(document);
setInterval(() => document.hidden || refresh(document), 5000);
document.addEventListener("htmx:load", (event) => refresh(event.detail.elt));
