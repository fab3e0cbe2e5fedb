/** A whole number that is not negative. */
export const isCount = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 0

/** Whether `p` is a probability. */
export const isShare = (p: number): boolean => p >= 0 && p <= 1
