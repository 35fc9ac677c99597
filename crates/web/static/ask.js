// One request, with an end to the waiting for it: `ask(address, options, patienceMs)` gives the whole answer,
// `{ ok, status, url, text }`. It throws at once, having sent nothing, where the browser has no `fetch`; whatever fails
// later rejects.

export function ask(address, options, patienceMs) {
  const controller = typeof AbortController === "function" ? new AbortController() : null;
  // Said, since the browsers of 2018 disagree on it: some send and keep no cookies unless they are told to.
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
