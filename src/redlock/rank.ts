/**
 * Orders owner ids in a way that is the same for everybody and favours no client: by their FNV-1a hash
 * (http://www.isthe.com/chongo/tech/comp/fnv/), and by the text where that is equal.
 */
export function outranks(one: string, other: string): boolean {
  const difference = hash(one) - hash(other);
  return difference === 0 ? one < other : difference < 0;
}

function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  return value >>> 0;
}
