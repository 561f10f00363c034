/** No function that makes slices lives so long: who took the lease before is dead. */
export const SLICE_LEASE_MS = 6 * 60_000;

/**
 * A gap fails every slice for so long: a function is asked again a minute after its failure, and only when that fails,
 * too, is there an alert.
 */
export const GAP_TOLD_MS = 5 * 60_000;

/** Giving the lease back takes no longer; also when the work was aborted. */
export const RELEASE_LIMIT_MS = 5_000;

/** A slice ends here and the next one goes on; together with connecting and sealing it fits into a function's life. */
export const SLICE_READ_LIMIT_MS = 120_000;
