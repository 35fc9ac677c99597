// Recounts beside the page, so that the page stays fluent.

import { recount } from "./recount.js";

self.onmessage = ({ data }) => {
  recount(data, (progress) => self.postMessage({ progress })).then(
    (report) => self.postMessage({ report }),
    (error) => self.postMessage({ failure: String(error) }),
  );
};
// The page waits for this: a browser that can't load modules in a worker never gets here.
self.postMessage({ ready: true });
