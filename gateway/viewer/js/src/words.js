// Texts in the language of the page: its configuration has the translations, by the English.
const { words } = JSON.parse(document.getElementById("viewer-config").textContent);

/**
 * A text of this script, translated.
 * @param {string} text in English, as gateway/viewer/words.py lists it
 * @param {Record<string, string|number>} [values] what stands for `{name}` in it
 */
export function t(text, values = {}) {
  return (words[text] ?? text).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}
