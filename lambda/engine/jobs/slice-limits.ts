/** No function that makes slices lives so long: who took the lease before is dead. */
export const SLICE_LEASE_MS = 6 * 60_000;

/** A slice ends here and the next one goes on; together with connecting and sealing it fits into a function's life. */
export const SLICE_READ_LIMIT_MS = 120_000;
