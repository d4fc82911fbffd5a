const FIRST_MS = 500;
const LONGEST_MS = 15_000;

/**
 * How long to wait before attempt `attempt` (from 0) to connect again: doubling, with up to a quarter taken off at
 * random so that many pages do not come back in step. `random` gives numbers in [0, 1).
 */
export function retryDelay(attempt: number, random: () => number): number {
  const full = Math.min(FIRST_MS * 2 ** attempt, LONGEST_MS);
  return Math.round(full * (1 - random() / 4));
}
