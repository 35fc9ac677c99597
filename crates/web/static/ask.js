// One request with a time limit: `ask(address, options, patienceMs)` gives the whole answer,
// `{ ok, status, url, text }`. Without `fetch` in the browser it throws at once and sends nothing; later failures
// reject.

export function ask(address, options, patienceMs) {
  const controller = typeof AbortController === "function" ? new AbortController() : null;
  // Explicit, since browsers of 2018 differ: some send and keep no cookies by default.
  const asked = Object.assign({ credentials: "same-origin" }, options);
  if (controller) asked.signal = controller.signal;
  const sent = fetch(address, asked);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error("no answer in time"));
      if (controller) controller.abort();
    }, patienceMs);
    const whole = sent.then((answer) =>
      answer.text().then((text) => ({ ok: answer.ok, status: answer.status, url: answer.url, text })),
    );
    whole.then(resolve, reject).then(() => clearTimeout(timer));
  });
}
