// Writes a text into an element, unless it is there already: screen readers announce each change.

export function write(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}
