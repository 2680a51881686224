/** An object with the members `own`, and all other members of `inner`. */
export function over<T extends object>(inner: T, own: Partial<T>): T {
  return new Proxy(inner, {
    get(target, name) {
      const found = Object.hasOwn(own, name) ? own : target;
      const value = Reflect.get(found, name, found) as unknown;
      return typeof value === "function" ? value.bind(found) : value;
    },
  });
}
