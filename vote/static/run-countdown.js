// The countdown of the question that is on, and the choice of one for the next question. It counts from when it was
// heard how much time is left, by a clock that nobody can set.
//
//   left(ms, isOver)  // shows this countdown, or none; `isOver` is called at its end
//   keep(root)        // the choice that was made last is made in a new page, too

const TICK_MS = 200;

let timer = 0;
let chosen = "";

export function left(ms, isOver) {
  clearInterval(timer);
  const line = document.getElementById("left");
  line.hidden = ms === null;
  if (ms === null) return;
  const end = performance.now() + ms;
  const tick = () => {
    const seconds = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    line.querySelector("span").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    if (seconds > 0) return;
    clearInterval(timer);
    isOver();
  };
  timer = setInterval(tick, TICK_MS);
  tick();
}

export function keep(root) {
  for (const choice of root.querySelectorAll("input[name=seconds]")) {
    choice.checked = choice.value === chosen;
    choice.addEventListener("change", () => {
      chosen = choice.value;
    });
  }
}
