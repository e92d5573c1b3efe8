/**
 * Paths of `data` that `validate` never looks at: what a schema does not know, such as a misspelt name, which the
 * schemas of Kubernetes let pass.
 * @param {unknown} data
 * @param {(data: unknown) => void} validate
 * @returns {string[]}
 */
export function unread(data, validate) {
  /** @type {Set<string>} */
  const read = new Set();
  validate(watched(data, '', read));
  return pathsOf(data, '').filter((path) => !read.has(path));
}

/**
 * @param {unknown} value
 * @param {string} path
 * @param {Set<string>} read
 * @returns {unknown}
 */
function watched(value, path, read) {
  if (typeof value !== 'object' || value === null) return value;
  return new Proxy(value, {
    get(target, key) {
      const inner = Reflect.get(target, key);
      if (typeof key === 'symbol' || !Object.hasOwn(target, key)) return inner;
      read.add(`${path}/${key}`);
      return watched(inner, `${path}/${key}`, read);
    },
  });
}

/**
 * @param {unknown} value
 * @param {string} path
 * @returns {string[]}
 */
function pathsOf(value, path) {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [`${path}/${key}`, ...pathsOf(inner, `${path}/${key}`)]);
}
