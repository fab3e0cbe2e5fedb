type Method = (this: object, ...args: never[]) => unknown

/** A class whose methods can be watched. */
export type Watched = { readonly prototype: Record<string, Method> }

/** Calls `seen` with the object, the arguments and the result of every call of a method, until what it returns is called. */
export function watch(
  { prototype }: Watched,
  name: string,
  seen: (self: object, args: readonly unknown[], result: unknown) => void,
): () => void {
  const method = prototype[name]!
  prototype[name] = function (...args) {
    const result = method.apply(this, args)
    seen(this, args, result)
    return result
  }
  return () => {
    prototype[name] = method
  }
}
