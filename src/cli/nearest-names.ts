/** Which of the known names somebody probably meant. */

/** Most names that {@link nearestNames} gives. */
export const NEAREST_NAMES_MAX = 3;

/** Longest text compared, in characters; a longer one is near nothing. */
export const NEAREST_NAME_CHARS_MAX = 64;

/**
 * The names nearest to `text`, nearest first, at most {@link NEAREST_NAMES_MAX}; none when all are far. Upper and lower case
 * count as the same; a name that begins with `text` is near.
 */
export function nearestNames(text: string, names: readonly string[]): string[] {
  if (text.length === 0 || text.length > NEAREST_NAME_CHARS_MAX) return [];
  const wanted = text.toLowerCase();
  const distanceMax = Math.max(1, Math.floor(wanted.length / 3));
  return names
    .map((name) => ({ name, distance: distanceOf(wanted, name.toLowerCase()) }))
    .filter(({ distance }) => distance <= distanceMax)
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
    .slice(0, NEAREST_NAMES_MAX)
    .map(({ name }) => name);
}

/** ` (did you mean A or B?)`, or nothing when no name is near. */
export function didYouMean(text: string, names: readonly string[], prefix = ''): string {
  const near = nearestNames(text, names).map((name) => prefix + name);
  return near.length === 0 ? '' : ` (did you mean ${near.join(' or ')}?)`;
}

function distanceOf(a: string, b: string): number {
  if (a.length >= 3 && b.startsWith(a)) return a.length === b.length ? 0 : 1;
  return editDistance(a, b);
}

/** Fewest insertions, deletions, replacements and swaps of neighbours from `a` to `b`. O(a * b). @internal */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, before[j - 2]! + 1);
      next.push(cost);
    }
    before = row;
    row = next;
  }
  return row[b.length]!;
}
