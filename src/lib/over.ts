/** An object with some members of its own, and the rest of another one. */
export function over<T extends object>(inner: T, own: Partial<T>): T {
  return new Proxy(inner, {
    get(target, name) {
      const found = Object.hasOwn(own, name) ? own : target;
      const value = Reflect.get(found, name, found) as unknown;
      return typeof value === "function" ? value.bind(found) : value;
    },
  });
}
