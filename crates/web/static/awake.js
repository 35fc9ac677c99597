// Tells a page that it is seen again, after it was hidden or the device slept. Only ECMAScript 2018 and the Web APIs of
// Safari 12 (tests/old_phones.rs).
//
//   onWake((slept) => …)   // `slept`: for so long that connections may be dead, and nothing says so

// A clock that went on for longer than this between two beats: the device slept.
const BEAT_MS = 500;
const ASLEEP_MS = 3000;

export function onWake(woke) {
  let hiddenAt = 0;
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) hiddenAt = Date.now();
    else woke(Date.now() - hiddenAt > ASLEEP_MS);
  });
  let beatAt = Date.now();
  setInterval(() => {
    const slept = Date.now() - beatAt > ASLEEP_MS;
    beatAt = Date.now();
    // The beats of a hidden page are rare.
    if (slept && !document.hidden) woke(true);
  }, BEAT_MS);
}
