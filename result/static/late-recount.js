// Reads and counts in the page itself, where the browser can load no modules in a worker.

import { arrive } from "./late.js";
import { recount } from "./recount.js";
import { lookAtSeal } from "./seals.js";

arrive("late-recount", { recount, lookAtSeal });
