/** Bytes that one byte of deflated data can become at most (zlib's technical notes): what a header claims beyond is a lie. */
export const MOST_INFLATION = 1032
