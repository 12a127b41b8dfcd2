/** Compares texts by their UTF-8 bytes. JavaScript's operators compare UTF-16 units, which gives another order. */
export function comparePaths(a: string, b: string): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const difference = rank(a.charCodeAt(i)) - rank(b.charCodeAt(i));
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Compares paths as parts order them: first the parts before their last slash, then the rest. */
export function compareInParts(a: string, b: string): number {
  const [aName, bName] = [Math.max(a.lastIndexOf("/"), 0), Math.max(b.lastIndexOf("/"), 0)];
  return comparePaths(a.slice(0, aName), b.slice(0, bName)) || comparePaths(a.slice(aName), b.slice(bName));
}

/** Maps UTF-16 units to numbers that sort like UTF-8. Surrogates, which encode characters after U+FFFF, come last. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
