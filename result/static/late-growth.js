// Compares two checkpoints of different size, which is only needed once a tree has grown.

import { growth } from "./growth.js";
import { arrive } from "./late.js";
import { readCheckpoint } from "./note.js";

arrive("late-growth", { growth: (small, large, tile) => growth(readCheckpoint(small), readCheckpoint(large), tile) });
