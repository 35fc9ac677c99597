// Loads a module of this host once it is needed; ECMAScript 2018 has no `import()`. The module hands itself over by
// `arrive(name, exports)`.

const LATE = "scrutin-module";
const loaded = new Map();

export function load(name) {
  if (!loaded.has(name)) loaded.set(name, fetchModule(name));
  return loaded.get(name);
}

function fetchModule(name) {
  return new Promise((resolve, reject) => {
    document.addEventListener(LATE, ({ detail }) => detail.name === name && resolve(detail.exports));
    const script = document.createElement("script");
    script.type = "module";
    script.src = `${document.documentElement.dataset.base || ""}/static/${name}.js`;
    script.onerror = () => {
      loaded.delete(name);
      reject(new Error(`${name} can't be loaded`));
    };
    document.head.appendChild(script);
  });
}

export function arrive(name, exports) {
  document.dispatchEvent(new CustomEvent(LATE, { detail: { name, exports } }));
}
