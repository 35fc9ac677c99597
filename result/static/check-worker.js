// Reads and counts beside the page, so that the page stays fluent: `{ seal }` is looked at, any other job recounted.

import { recount } from "./recount.js";
import { lookAtSeal } from "./seals.js";

self.onmessage = ({ data }) => {
  if (data.seal) return self.postMessage({ report: lookAtSeal(data.seal) });
  recount(data, (progress) => self.postMessage({ progress })).then(
    (report) => self.postMessage({ report }),
    (error) => self.postMessage({ failure: String(error) }),
  );
};
// The page waits for this: a browser that can't load modules in a worker never gets here.
self.postMessage({ ready: true });
